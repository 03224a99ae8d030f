"""Settings of authentication."""

from app.config.service import ServiceSettings


class AuthSettings(ServiceSettings):
    """There is no authentication, so there are no settings."""
