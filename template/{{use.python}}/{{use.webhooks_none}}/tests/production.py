"""What production requires."""

from tests import callers, queues

SECRETS = queues.SECRETS | callers.SECRETS
"""The settings that have no default in production, besides those of the database and the cache."""
