"""How the service connects to MongoDB, which values it stores, and what the errors mean."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from bson import Decimal128
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry
from pydantic import AfterValidator
from pymongo import AsyncMongoClient, monitoring
from pymongo.errors import ConfigurationError, ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError

from app.config import Settings

Fields = dict[str, Any]
"""A document, a filter or a change, as the driver takes it."""

_AUTHENTICATION_FAILED, _UNAUTHORIZED, _ATLAS_ERROR = 18, 13, 8000
_REFUSED = (_AUTHENTICATION_FAILED, _UNAUTHORIZED, _ATLAS_ERROR)


class NotMigratedError(Exception):
    """No migration has run on the database yet."""

    def __init__(self) -> None:
        super().__init__("the database is not migrated")


class _DecimalCodec(TypeCodec):
    """Stores a decimal exactly, as Decimal128."""

    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


CODEC: CodecOptions[Fields] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    uuid_representation=UuidRepresentation.STANDARD,
    type_registry=TypeRegistry([_DecimalCodec()]),
)


def in_milliseconds(moment: datetime) -> datetime:
    """The moment as MongoDB stores it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Timestamp = Annotated[datetime, AfterValidator(in_milliseconds)]
"""A time that is the same before and after it was stored."""


class Connections(monitoring.ConnectionPoolListener):
    """Counts the connections of a client."""

    def __init__(self) -> None:
        self.open = 0
        self.in_use = 0

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        self.open += 1

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        self.open -= 1

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self.in_use += 1

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self.in_use -= 1

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None: ...
    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None: ...
    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None: ...
    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None: ...
    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None: ...
    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None: ...
    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None: ...


def create_client(settings: Settings, *listeners: Connections) -> AsyncMongoClient[Fields]:
    """A client for the server of `DATABASE_URL`. It connects when it is used.

    `timeoutMS` is not set, because it would replace the shorter limit for the wait for a connection.
    """
    acquire = int(settings.database_acquire_timeout_seconds * 1000)
    statement = int(settings.database_statement_timeout_seconds * 1000)
    return AsyncMongoClient(
        settings.database_url,
        maxPoolSize=settings.database_pool_size,
        waitQueueTimeoutMS=acquire,
        serverSelectionTimeoutMS=acquire,
        connectTimeoutMS=statement,
        socketTimeoutMS=statement,
        # The callers try again. A second attempt of the driver would double the longest time of a request.
        retryReads=False,
        retryWrites=False,
        # An acknowledged write is on the disks of a majority.
        w="majority",
        journal=True,
        event_listeners=listeners,
    )


def is_conflict(error: Exception) -> bool:
    """Whether another transaction has changed what this one reads or changes."""
    return isinstance(error, OperationFailure) and error.has_error_label("TransientTransactionError")


def is_outage(error: Exception) -> bool:
    """Whether the database failed, and not the operation. The same request may succeed later."""
    if isinstance(error, PyMongoError) and not isinstance(error, ConnectionFailure | ExecutionTimeout):
        return error.has_error_label("TransientTransactionError") or error.has_error_label("RetryableWriteError")
    return isinstance(error, ConnectionFailure | ExecutionTimeout | OSError)


def is_misconfigured(error: Exception) -> bool:
    """Whether no retry helps, because the server refuses the user or cannot run transactions."""
    return isinstance(error, ConfigurationError)


def lacks_table(error: Exception) -> bool:
    """Whether no migration has run yet."""
    return isinstance(error, NotMigratedError)


def refusal(error: OperationFailure) -> ConfigurationError | None:
    """The error in one line if the server refuses the user."""
    return ConfigurationError((error.details or {}).get("errmsg", "")) if error.code in _REFUSED else None
