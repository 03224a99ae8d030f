"""What is shown on the terminal: messages, errors, signals, trees of files."""
