"""Git: the commands, a three-way merge, and a work tree that changes all at once."""
