"""Projects: create a new one, or plan how an existing one changes."""
