"""The cache for tests: the server of `CACHE_URL`, or a server that is started for the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

import local_cache
from app.config.cache import DEFAULT_PORT, DEVELOPMENT_URL
from tests.processes import free_port


def url_of(address: str) -> str:
    """The URL of a server. `address` is HOST:PORT."""
    return urlsplit(DEVELOPMENT_URL)._replace(netloc=address).geturl()


SECRETS = {"cache_url": url_of(f"cache:{DEFAULT_PORT}")}
"""The settings that production requires."""


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The environment variables of a cache for a test run."""
    if "CACHE_URL" in os.environ or not local_cache.is_installed():
        # Another spelling of the host, because production refuses the URL of development.
        url = os.environ.get("CACHE_URL", DEVELOPMENT_URL).replace("localhost", "127.0.0.1")
        with local_cache.server(url):
            yield {"CACHE_URL": url}
    else:
        port = free_port()
        with local_cache.local_server(port):
            yield {"CACHE_URL": url_of(f"127.0.0.1:{port}")}


def isolate(patch: pytest.MonkeyPatch) -> None:
    """Hide the values of other tests: the keys begin with another name. Wait longer: the machine may be busy."""
    patch.setattr("app.cache.NAME", uuid4().hex)
    patch.setattr("app.cache.store.TIMEOUT_SECONDS", 5)
