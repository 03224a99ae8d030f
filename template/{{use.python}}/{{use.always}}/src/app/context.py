"""The request that is being handled: one typed object that every layer can read."""

from collections.abc import Mapping
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
    """The request headers, names in lower case. Of repeated headers, the last one."""
    response_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Headers that middleware adds to the response."""
    identity: Principal | DomainError | None = None
    """The caller, or the error that a route which needs a caller raises."""

    @property
    def principal(self) -> Principal | None:
        return self.identity if isinstance(self.identity, Principal) else None

    @property
    def caller(self) -> str:
        """Whose rate limit and idempotency keys apply: the signed-in user, else the client's address."""
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


def caller_of(subject: str) -> str:
    """The `caller` of all requests of a user."""
    return f"user {subject}"
