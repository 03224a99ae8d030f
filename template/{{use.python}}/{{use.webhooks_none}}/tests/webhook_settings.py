"""What tests of the whole service need to know of webhooks: there are none."""

SECRETS: dict[str, str] = {}
"""The settings that production requires."""
PUBLIC_PATHS: frozenset[str] = frozenset()
"""The routes that need no principal."""
