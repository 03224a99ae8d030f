"""Settings of the service itself, and how all settings are read."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PRODUCTION_METRICS_PORT = 9464


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(values: list[str]) -> list[str]:
    for value in values:
        ip_network(value)
    return values


def _hosts(values: list[str]) -> list[str]:
    for value in values:
        if "*" in value.removeprefix("*.") and value != "*":
            raise ValueError("must be host names, *.DOMAIN or *")
    return values


def _rate(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise ValueError("must read like 600/minute")
    return value


def _at_least_one_body(limit: int, info: ValidationInfo) -> int:
    if limit < info.data.get("max_body_bytes", 0):
        raise ValueError("must be at least MAX_BODY_BYTES")
    return limit


def _within_grace(delay: float | None, info: ValidationInfo) -> float | None:
    if delay is not None and delay >= info.data.get("shutdown_grace_seconds", float("inf")):
        raise ValueError("must be less than SHUTDOWN_GRACE_SECONDS")
    return delay


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
Rate = Annotated[str, AfterValidator(_rate)]
"""A number of requests in a window of time: `600/minute`."""


class ServiceSettings(BaseSettings):
    # An empty variable counts as unset, because compose files pass unset variables as empty ones.
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", validate_default=True)

    app_env: Literal["development", "test", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port of `/metrics`. Unset: 9464 in production, elsewhere the main port."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] | None = None
    """Unset: `console` in development, `json` elsewhere."""
    docs_enabled: bool | None = None
    """Unset: off in production."""
    cors_origins: CommaSeparated = []
    allowed_hosts: Annotated[CommaSeparated, AfterValidator(_hosts)] = ["*"]
    """Host names to serve. `*.example.com` allows all subdomains, `*` all hosts."""
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(_networks)] = []
    """Addresses or networks whose `X-Forwarded-*` headers are trusted."""
    rate_limit_default: Rate = "600/minute"
    max_body_bytes: int = Field(default=1_048_576, ge=1)
    max_uploads: int = Field(default=256, ge=1)
    """The limit of request bodies that are received at the same time. More requests with a body are refused at once."""
    max_upload_bytes: Annotated[int, AfterValidator(_at_least_one_body)] = Field(default=16_777_216, ge=1)
    """The limit of the total size of the request bodies that are received at the same time."""
    body_timeout_seconds: float = Field(default=30, gt=0)
    max_concurrency: int = Field(default=64, ge=1)
    """The limit of requests in flight. More requests are refused at once."""
    shutdown_grace_seconds: float = Field(default=20, ge=1)
    shutdown_delay_seconds: Annotated[float | None, AfterValidator(_within_grace)] = Field(default=None, ge=0)
    """How long new connections are accepted after readiness has turned 503. Unset: 1 second, in development 0."""

    @model_validator(mode="after")
    def _require_app_env_unless_loopback(self) -> Self:
        # The defaults for development include secrets that everybody knows.
        if "app_env" not in self.model_fields_set and not _is_loopback(self.host):
            raise ValueError(f"APP_ENV must be set to listen on {self.host}, which is not a loopback address")
        return self

    @property
    def is_production(self) -> bool:
        return self.app_env == "production"

    @property
    def separate_metrics_port(self) -> int | None:
        """The port that serves only `/metrics`; None when the main port serves it."""
        return self.metrics_port or (PRODUCTION_METRICS_PORT if self.is_production else None)

    @property
    def drain_seconds(self) -> float:
        if self.shutdown_delay_seconds is None:
            return 0 if self.app_env == "development" else min(1, self.shutdown_grace_seconds / 2)
        return self.shutdown_delay_seconds

    @property
    def logs_as_json(self) -> bool:
        if self.log_format is None:
            return self.app_env != "development"
        return self.log_format == "json"

    @property
    def serves_docs(self) -> bool:
        if self.docs_enabled is None:
            return not self.is_production
        return self.docs_enabled

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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
