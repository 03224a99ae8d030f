"""There is no queue to test with."""

SECRETS: dict[str, str] = {}
"""The settings that production requires."""
