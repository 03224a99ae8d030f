"""What production requires."""

from tests import callers, queues

SECRETS = queues.SECRETS | callers.SECRETS | {"webhook_signing_keys": "a-key-for-tests-with-32-characters-or-more"}
"""The settings that have no default in production, besides those of the database and the cache."""
