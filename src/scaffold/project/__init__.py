"""Creates projects, and plans the changes of existing ones."""
