"""Commands for operators and developers: `python -m app.cli --help`."""
