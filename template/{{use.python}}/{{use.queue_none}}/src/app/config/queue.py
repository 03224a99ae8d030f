"""Settings of the worker."""

from app.config.service import ServiceSettings


class QueueSettings(ServiceSettings):
    embedded_worker: bool | None = None
    """Runs the worker inside the API process. Unset: in development only."""

    @property
    def embeds_worker(self) -> bool:
        if self.embedded_worker is None:
            return self.app_env == "development"
        return self.embedded_worker
