"""Settings of authentication."""

from app.config.service import Environment


class AuthSettings(Environment):
    """Callers prove nothing here, so there is nothing to set."""
