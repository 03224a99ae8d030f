"""Settings of the queue and the worker."""

from pydantic import Field

from app.config.service import ServiceSettings


class QueueSettings(ServiceSettings):
    embedded_worker: bool | None = None
    """Runs the worker inside the API process. Unset: in development only."""

    queue_batch_size: int = Field(default=20, ge=1, le=1000)
    queue_lease_seconds: float = Field(default=10, ge=1)
    """The time after which the message of a worker that died is delivered again."""
    queue_max_attempts: int = Field(default=8, ge=1)
    """The number of attempts after which a message becomes a dead letter."""
    queue_poll_seconds: float = Field(default=1, gt=0)

    @property
    def embeds_worker(self) -> bool:
        return self.app_env == "development" if self.embedded_worker is None else self.embedded_worker
