"""Reads that may lack the latest changes. A file has no replicas, so they are like all other reads."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.config import Settings


class Replica:
    """Makes sessions on the primary."""

    engines: tuple[AsyncEngine, ...] = ()
    dependencies: Mapping[str, Callable[[], Awaitable[None]]] = {}

    def __init__(self, settings: Settings, primary: AsyncEngine) -> None:
        self.sessions = async_sessionmaker(primary, expire_on_commit=False)
