"""Settings of the service itself, and how all settings are read."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(values: list[str]) -> list[str]:
    for value in values:
        ip_network(value)
    return values


def _rate(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise ValueError("must read like 600/minute")
    return value


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
Rate = Annotated[str, AfterValidator(_rate)]
"""How many requests in which time: `600/minute`."""


class ServiceSettings(BaseSettings):
    # An empty variable is an unset one, as compose files pass them on.
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", validate_default=True)

    app_env: Literal["development", "test", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Serves `/metrics` on a port of its own instead of the main one."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] | None = None
    """Unset: `console` in development, `json` elsewhere."""
    docs_enabled: bool | None = None
    """Unset: off in production."""
    cors_origins: CommaSeparated = []
    allowed_hosts: CommaSeparated = ["*"]
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(_networks)] = []
    """Addresses or networks whose `X-Forwarded-*` headers are believed."""
    rate_limit_default: Rate = "600/minute"
    max_body_bytes: int = Field(default=1_048_576, ge=1)
    body_timeout_seconds: float = Field(default=30, gt=0)
    max_concurrency: int = Field(default=64, ge=1)
    """Requests in flight; the next one is refused at once."""
    shutdown_grace_seconds: float = Field(default=20, ge=1)
    shutdown_delay_seconds: float | None = Field(default=None, ge=0)
    """How long connections are still taken after readiness has turned 503. Unset: 1, and 0 in development."""

    @property
    def is_production(self) -> bool:
        return self.app_env == "production"

    @property
    def drain_seconds(self) -> float:
        if self.shutdown_delay_seconds is None:
            return 0 if self.app_env == "development" else 1
        return self.shutdown_delay_seconds

    @property
    def logs_as_json(self) -> bool:
        return (self.log_format or ("console" if self.app_env == "development" else "json")) == "json"

    @property
    def serves_docs(self) -> bool:
        return not self.is_production if self.docs_enabled is None else self.docs_enabled

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _NamedFiles(settings_cls), dotenv_settings


class _NamedFiles(EnvSettingsSource):
    """Reads the value of `NAME` from the file that `NAME_FILE` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path, _, _ = super().get_field_value(field, f"{field_name}_file")
        try:
            return (Path(path).read_text().strip() if path else None), field_name, False
        except (OSError, UnicodeError) as error:
            raise OSError(f"{field_name.upper()}_FILE: {path} cannot be read") from error
