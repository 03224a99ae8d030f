"""The URLs of Redis servers."""

import re
from urllib.parse import urlsplit

DEFAULT_PORT = 6379


def is_redis(url: str) -> bool:
    """Whether this is the URL of a database of a Redis server."""
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_address and parts.scheme in ("redis", "rediss") and bool(re.fullmatch(r"(/[0-9]*)?", parts.path))
