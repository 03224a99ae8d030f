"""Settings of the cache."""

from app.config.service import ServiceSettings


class CacheSettings(ServiceSettings):
    """The cache is part of the process, so there are no settings."""
