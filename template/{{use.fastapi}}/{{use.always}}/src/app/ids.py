"""UUID version 7 (RFC 9562): the time first, so that keys sort by age and indexes stay compact."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A new id. Ids made in different milliseconds sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
