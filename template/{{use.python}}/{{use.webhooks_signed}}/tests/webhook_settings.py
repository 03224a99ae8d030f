"""What tests of the whole service need to know of webhooks."""

SECRETS = {"webhook_signing_keys": "a-key-for-tests-with-32-characters-or-more"}
"""The settings that production requires."""
PUBLIC_PATHS = frozenset({"/api/v1/webhooks/{source}"})
"""The routes that need no principal."""
