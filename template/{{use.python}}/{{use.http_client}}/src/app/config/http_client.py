"""Settings of calls to other services."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from app.config.service import CommaSeparated, ServiceSettings


def _networks(values: list[str]) -> list[str]:
    for value in values:
        ip_network(value)
    return values


def _ports(values: list[str]) -> list[str]:
    for value in values:
        if not value.isdecimal() or not 1 <= int(value) <= 65535:
            raise ValueError("must be port numbers")
    return values


class HttpClientSettings(ServiceSettings):
    http_client_timeout_seconds: float = Field(default=10, gt=0)
    """How long one call may take, with the wait for a free place and the whole response."""
    http_client_allowed_ports: Annotated[CommaSeparated, AfterValidator(_ports)] = Field(default=["443"])
    """The ports of URLs that users have entered. In development, every port is allowed."""
    http_client_allowed_networks: Annotated[CommaSeparated, AfterValidator(_networks)] = Field(default=[])
    """Private networks that URLs of users may lead to. In development, loopback addresses are allowed, too."""
