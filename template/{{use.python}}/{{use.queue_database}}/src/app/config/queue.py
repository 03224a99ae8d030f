"""Settings of the queue and the worker."""

from pydantic import Field

from app.config.service import ServiceSettings


class QueueSettings(ServiceSettings):
    embedded_worker: bool | None = None
    """Runs the worker inside the API process. Unset: in development only."""

    queue_batch_size: int = Field(default=100, ge=1, le=1000)
    """The number of messages that a worker claims at once."""
    queue_lease_seconds: float = Field(default=10, ge=1)
    """If a worker dies, its messages are delivered again after this time."""
    queue_max_attempts: int = Field(default=8, ge=1)
    """The number of attempts after which a message becomes a dead letter."""
    queue_poll_seconds: float = Field(default=1, gt=0)

    @property
    def embeds_worker(self) -> bool:
        if self.embedded_worker is None:
            return self.app_env == "development"
        return self.embedded_worker
