"""The service under test: its address, its choices, and all of its answers."""

from __future__ import annotations

import asyncio
import json as jsonlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import httpx

from scaffold.conformance.verdicts import Failure

T = TypeVar("T")
Auth = Literal["jwt", "none"]

PATIENCE: Final = 5
"""How often a request that met a budget is tried again."""
LONGEST_WAIT: Final = 90.0
"""Seconds that a `Retry-After` may ask for; a longer one is not waited for."""
LONGEST_TARGET: Final = 120
"""Characters of a path and query that a message shows."""
LARGEST_BODY: Final = 32 * 1024 * 1024
"""Bytes of an answer that are read at most."""

_UNSET: Final = object()


@dataclass(frozen=True)
class Options:
    """The options of a run.

    `timeout` and `settle` are seconds: for one answer, and for an event to take effect. `rows` is
    how many orders the pagination check walks over, `max_body` the service's MAX_BODY_BYTES.
    `signing_key` is the service's private key as PEM, by which expired tokens can be made.
    """

    url: str
    timeout: float = 10.0
    rows: int = 120
    settle: float = 10.0
    max_body: int = 1024 * 1024
    email: str | None = None
    password: str | None = None
    admin_email: str | None = None
    admin_password: str | None = None
    cors_origin: str | None = None
    metrics_url: str | None = None
    signing_key: str | None = None


@dataclass(frozen=True)
class Account:
    """The sender of a request. Without authentication all tokens are empty."""

    id: str = ""
    email: str = ""
    password: str = ""
    access: str = ""
    refresh: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer with its decoded body and its request; `target` is path and query."""

    method: str
    target: str
    status: int
    headers: httpx.Headers
    body: bytes
    seconds: float
    authorized: bool = False

    @property
    def path(self) -> str:
        """The path asked for, without the query."""
        return self.target.partition("?")[0]

    @property
    def line(self) -> str:
        """The request in one line, shortened when it is long."""
        return _line(self.method, self.target)

    @property
    def code(self) -> str | None:
        """The problem code of an error answer, if it has one."""
        try:
            body = jsonlib.loads(self.body)
        except ValueError:
            return None
        return str(body["code"]) if isinstance(body, dict) and "code" in body else None

    def json(self) -> Any:
        """The body as JSON; a `Failure` when it is not."""
        try:
            return jsonlib.loads(self.body)
        except ValueError:
            raise Failure(
                "a JSON body", repr(self.body[:80].decode(errors="replace")), self.line
            ) from None

    def __str__(self) -> str:
        return f"{self.status} {self.code}" if self.code else str(self.status)


@dataclass
class Service:
    """A running service, its choices, and the accounts that the run has registered.

    `auth` and `publishes` (is there a queue, so that orders become confirmed?) are found out before
    the first check; `settles` turns False once that was waited for in vain; `openapi` is None when
    the service does not serve its document. `log` has every answer of the service itself,
    `registered` every account that the run made.
    """

    options: Options
    client: httpx.AsyncClient
    auth: Auth = "none"
    publishes: bool = False
    settles: bool = False
    openapi: dict[str, Any] | None = None
    log: list[Answer] = field(default_factory=list)
    registered: list[Account] = field(default_factory=list)
    notify: Callable[[str], None] = lambda _: None
    _kept: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    async def get(self, path: str, by: Account | None = None, **how: Any) -> Answer:
        """Send a GET request; see `request`."""
        return await self.request("GET", path, by, **how)

    async def post(self, path: str, by: Account | None = None, **how: Any) -> Answer:
        """Send a POST request; see `request`."""
        return await self.request("POST", path, by, **how)

    async def request(
        self,
        method: str,
        path: str,
        by: Account | None = None,
        *,
        json: Any = _UNSET,
        content: bytes | AsyncIterator[bytes] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
    ) -> Answer:
        """Send one request as `by`, or without authentication. Returns the answer with any status.

        A patient request that is refused with 429 or 503 waits as long as the service asks and is
        sent again. Raises `Failure` when no HTTP answer comes within the timeout.
        """
        sent = dict(headers or {})
        if json is not _UNSET:
            content = jsonlib.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        if by and by.access:
            sent.setdefault("Authorization", f"Bearer {by.access}")
        request = self.client.build_request(
            method, path, params=params, headers=sent, content=content
        )
        repeatable = content is None or isinstance(content, bytes)
        answer = await self._send(request)
        for _ in range(PATIENCE):
            wait = _wait_asked_for(answer)
            if wait is None or not patient or not repeatable:
                break
            self.notify(f"waiting {wait:.0f} s, as the service asks ({answer})")
            await asyncio.sleep(wait)
            answer = await self._send(request)
        return answer

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """The result or the exception of `make`, which runs once for each `name`."""
        if name not in self._kept:
            self._kept[name] = asyncio.ensure_future(make())
        return await self._kept[name]  # type: ignore[no-any-return]  # one name, one type

    async def _send(self, request: httpx.Request) -> Answer:
        line = _line(request.method, _target(request))
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.options.timeout):
                response = await self.client.send(request, stream=True)
                try:
                    body = await _read(response, line)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise Failure("an answer", f"none within {self.options.timeout:g} s", line) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Failure("an answer", str(error) or type(error).__name__, line) from None
        answer = Answer(
            method=request.method,
            target=_target(request),
            status=response.status_code,
            headers=response.headers,
            body=body,
            seconds=time.perf_counter() - started,
            authorized="Authorization" in request.headers,
        )
        # Metrics on a port of their own come from an exporter, which keeps no contract but its own.
        if (
            request.url.host == self.client.base_url.host
            and request.url.port == self.client.base_url.port
        ):
            self.log.append(answer)
        return answer


def _line(method: str, target: str) -> str:
    return (
        f"{method} {target}"
        if len(target) <= LONGEST_TARGET
        else f"{method} {target[:LONGEST_TARGET]}…"
    )


def _target(request: httpx.Request) -> str:
    return request.url.raw_path.decode("ascii", errors="replace")


async def _read(response: httpx.Response, line: str) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > LARGEST_BODY:
            raise Failure("a body of reasonable size", f"more than {LARGEST_BODY} bytes", line)
    return bytes(body)


def _wait_asked_for(answer: Answer) -> float | None:
    if answer.code not in ("rate_limited", "overloaded"):
        return None
    asked = answer.headers.get("Retry-After", "")
    if not asked.isdecimal() or float(asked) > LONGEST_WAIT:
        return None
    return float(asked)
