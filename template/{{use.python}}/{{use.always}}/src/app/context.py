"""The request that is being handled: one typed object that every layer can read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.errors import DomainError
from app.permissions import Principal


@dataclass(slots=True)
class RequestContext:
    """The facts about one request. Outside of a request, `current()` returns an empty context."""

    path: str = ""
    request_id: str = ""
    address: str = ""
    """The client's address."""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    """The request headers by name in lower case. If a header is repeated, the last value is kept."""
    response_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Headers that middleware adds to the response."""
    traceparent: str = ""
    """The W3C trace context that the client sent, `00-TRACE_ID-PARENT_ID-FLAGS`; empty if it sent none."""
    identity: Principal | DomainError | None = None
    """The caller, or the error of authentication. A route that needs a caller raises this error."""

    @property
    def logged(self) -> dict[str, str]:
        """What every log line that the request causes names."""
        ids = {"request_id": self.request_id, "trace_id": self.traceparent[3:35]}
        return {name: value for name, value in ids.items() if value}

    @property
    def principal(self) -> Principal | None:
        return self.identity if isinstance(self.identity, Principal) else None

    @property
    def caller(self) -> str:
        """Who owns the rate limits and idempotency keys: the signed-in user, or else the client's address."""
        if isinstance(self.identity, Principal) and self.identity.subject:
            return caller_of(self.identity.subject)
        return f"address {self.address}"


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current() -> RequestContext:
    """The context of the request that this task handles; an empty one outside of requests."""
    return _current.get() or RequestContext()


def enter(context: RequestContext) -> None:
    """Make `context` the current one for this task and the tasks that it starts."""
    _current.set(context)


@contextmanager
def entered(context: RequestContext) -> Iterator[None]:
    """Make `context` the current one inside the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def caller_of(subject: str) -> str:
    """The value of `RequestContext.caller` for the requests of this user."""
    return f"user {subject}"
