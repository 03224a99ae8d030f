"""Settings of webhooks."""

from app.config.service import ServiceSettings


class WebhookSettings(ServiceSettings):
    """There are no webhooks, so there are no settings."""
