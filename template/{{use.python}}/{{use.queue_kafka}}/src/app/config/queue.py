"""Settings of the queue and the worker."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, ValidationInfo

from app.config.broker import BrokerSettings

DEVELOPMENT_URL = "kafka://localhost:9092"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")

_SERVER = r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?"
_SERVERS = re.compile(rf"{_SERVER}(,{_SERVER})*")


def client_settings(url: str) -> dict[str, Any]:
    """What a URL means in the settings of librdkafka, such as `kafkas://USER:PASSWORD@HOST:9093,HOST:9093`.

    `kafkas` encrypts. The parameters `mechanism` and `cafile` choose one of `MECHANISMS`, of which the first is the
    default, and a file with the certificate of the authority.

    Raises: ValueError
    """
    parts = urlsplit(url)
    login, _, servers = parts.netloc.rpartition("@")
    if parts.scheme not in ("kafka", "kafkas") or parts.path not in ("", "/") or not _SERVERS.fullmatch(servers):
        raise ValueError("must read like kafka://HOST:9092 or kafkas://USER:PASSWORD@HOST:9093,HOST:9093")
    parameters = dict(parse_qsl(parts.query))
    if unknown := parameters.keys() - {"mechanism", "cafile"}:
        raise ValueError(f"has no parameter {min(unknown)}: it can be mechanism or cafile")
    mechanism = parameters.get("mechanism", MECHANISMS[0])
    if mechanism not in MECHANISMS:
        raise ValueError(f"has an unknown mechanism: it can be {', '.join(MECHANISMS)}")
    protocol = f"{'sasl_' if login else ''}{'ssl' if parts.scheme == 'kafkas' else 'plaintext'}"
    settings: dict[str, Any] = {"bootstrap.servers": servers, "security.protocol": protocol}
    if login:
        user, _, password = login.partition(":")
        settings |= {
            "sasl.mechanism": mechanism,
            "sasl.username": unquote(user),
            "sasl.password": unquote(password),
        }
    if cafile := parameters.get("cafile"):
        if not Path(cafile).is_file():
            raise ValueError(f"names a file that does not exist: {cafile}")
        settings["ssl.ca.location"] = cafile
    return settings


def _kafka(url: str, info: ValidationInfo) -> str:
    client_settings(url)
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


class QueueSettings(BrokerSettings):
    queue_url: Annotated[str, AfterValidator(_kafka)] = DEVELOPMENT_URL
