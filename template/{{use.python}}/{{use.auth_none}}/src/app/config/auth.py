"""Settings of authentication."""

from app.config.service import ServiceSettings


class AuthSettings(ServiceSettings):
    """Callers prove nothing here, so there is nothing to set."""
