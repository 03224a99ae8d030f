"""Settings of authentication."""

from app.config.service import ServiceSettings


class AuthSettings(ServiceSettings):
    """There are no settings, because requests are not authenticated."""
