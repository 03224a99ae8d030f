"""Reads that may lack the latest changes: with `DATABASE_REPLICA_URL`, a read replica answers them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import Result, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import ORMExecuteState, Session

from app import dialect
from app.config import Settings

log = structlog.get_logger()

RETRY_SECONDS = 5
"""How long the replica is not asked again after it has failed."""


class Replica:
    """Makes sessions whose statements run on the replica. If it fails, or if there is none, the primary runs them."""

    def __init__(self, settings: Settings, primary: AsyncEngine) -> None:
        self._engine = dialect.create_replica_engine(settings)
        self._primary = primary.sync_engine
        self._answers = True
        self._retry_at = 0.0
        self.sessions = async_sessionmaker(self._engine or primary, expire_on_commit=False)
        if self._engine:
            # Events belong to a class of sessions, so each replica has its own.
            kind = type("ReplicaSession", (Session,), {})
            event.listen(kind, "do_orm_execute", self._execute)
            self.sessions.configure(sync_session_class=kind)

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        return (self._engine,) if self._engine else ()

    @property
    def dependencies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The replica, if there is one. The function raises an error if it does not answer."""
        return {"replica": self._ping} if self._engine else {}

    async def _ping(self) -> None:
        assert self._engine
        async with self._engine.connect() as connection:
            (await connection.execute(text("SELECT 1 FROM alembic_version"))).scalar_one()

    def _execute(self, statement: ORMExecuteState) -> Result[Any]:
        if self._may_ask():
            try:
                result = statement.invoke_statement()
            except Exception as error:  # whatever has failed, such as a column that has not been replicated yet
                self._report_failure(error)
            else:
                self._report_success()
                return result
        return statement.invoke_statement(bind_arguments={"bind": self._primary})

    def _may_ask(self) -> bool:
        """Whether to run a statement on the replica: not if it failed a moment ago."""
        if not self._answers:
            if time.monotonic() < self._retry_at:
                return False
            # This statement tries again. Others do not wait for its result.
            self._postpone_retry()
        return True

    def _report_failure(self, error: Exception) -> None:
        if self._answers:
            log.warning("replica unavailable", error=repr(error))
        self._answers = False
        self._postpone_retry()

    def _report_success(self) -> None:
        if not self._answers:
            log.warning("replica available again")
        self._answers = True

    def _postpone_retry(self) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS
