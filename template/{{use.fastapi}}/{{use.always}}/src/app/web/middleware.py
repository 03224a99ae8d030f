"""What every request passes, as plain ASGI: it costs microseconds where wrapped requests cost hundreds."""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.datastructures import Headers as StarletteHeaders
from starlette.datastructures import State
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.cache import Cache
from app.config import Settings
from app.web.errors import problem, problem_of

log = structlog.get_logger()

OPERATIONS = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes: neither logged nor limited."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_GZIP = re.compile(rb"gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_API = "/api/"
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

Headers = list[tuple[bytes, bytes]]


class Envelope:
    """Around each request: its id, its log line, its metrics, the headers of every answer, and the last resort."""

    def __init__(self, app: ASGIApp, *, settings: Settings, state: State) -> None:
        self.app = app
        self.state = state
        self.headers = _security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_at = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            # Whatever answers GET answers HEAD; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        request_id = _open(scope)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._complete(scope, message["headers"], request_id)
            await send(message)

        metrics.requests_in_flight.inc()
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if status:
                raise
            await problem_of(scope, error)(scope, receive, send_with_headers)
        finally:
            metrics.requests_in_flight.dec()
            _close(scope, method, status, time.perf_counter() - started_at)

    def _complete(self, scope: Scope, headers: Headers, request_id: bytes) -> Headers:
        names = {name for name, _ in headers}
        complete = [*headers, (b"x-request-id", request_id), *scope["answer_headers"]]
        complete += [header for header in self.headers if header[0] not in names]
        if self.state.draining:
            complete.append((b"connection", b"close"))
        return complete


class Guard:
    """Before each request: the number in flight, the host, who is calling, how often, and how large the body is."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        cache: Cache,
        authenticate: Callable[[Scope], Awaitable[str]],
        budgets: Mapping[str, str],
    ) -> None:
        self.app = app
        self.cache = cache
        self.authenticate = authenticate
        self.hosts = None if "*" in settings.allowed_hosts else frozenset(settings.allowed_hosts)
        self.max_body = settings.max_body_bytes
        self.body_timeout = settings.body_timeout_seconds
        self.max_in_flight = settings.max_concurrency
        self.in_flight = 0
        self.default = _parse_rate(settings.rate_limit_default)
        self.budgets = {path: _parse_rate(rate) for path, rate in budgets.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPERATIONS:
            await self.app(scope, receive, send)
            return
        if self.in_flight >= self.max_in_flight:
            await problem(scope, "overloaded")(scope, receive, send)
            return
        self.in_flight += 1
        try:
            refusal = await self._refuse(scope, scope["header_map"])
            if refusal is None and _has_body(scope["header_map"]):
                receive, refusal = await self._take_in(scope, receive)
            await (refusal or self.app)(scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _refuse(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Response | None:
        if self.hosts and _host(headers) not in self.hosts:
            return problem(scope, "invalid_parameter", "The host is not served here")
        if scope["path"].startswith(_API):
            wait = await self._spend(scope)
            if wait is not None:
                return problem(scope, "rate_limited", retry_after=wait)
            if not _has_json(scope["method"], headers):
                return problem(scope, "unsupported_media_type")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_body:
            return problem(scope, "payload_too_large")
        return None

    async def _take_in(self, scope: Scope, receive: Receive) -> tuple[Receive, Response | None]:
        """Waits for the body. Meanwhile the request is not in flight: those who send slowly hold up nobody."""
        self.in_flight -= 1
        try:
            async with asyncio.timeout(self.body_timeout):
                message = await _read(receive, self.max_body)
        except TimeoutError:
            return receive, problem(scope, "request_timeout", headers={"Connection": "close"})
        finally:
            self.in_flight += 1
        if message is None:
            return receive, problem(scope, "payload_too_large")
        if self.in_flight > self.max_in_flight:
            return receive, problem(scope, "overloaded")
        return _replay(message, receive), None

    async def _spend(self, scope: Scope) -> int | None:
        """Counts the request; the seconds to wait when its budget is spent."""
        caller = scope["caller"] = await self.authenticate(scope)
        path = scope["path"]
        limit, seconds = self.budgets.get(path, self.default)
        if path in self.budgets:
            # Credentials are guessed from an address, whoever claims to be calling.
            caller = f"{path} {_address(scope)}"
        count, reset = await self.cache.increment(caller, seconds)
        scope["answer_headers"] = [
            (b"ratelimit-limit", b"%d" % limit),
            (b"ratelimit-remaining", b"%d" % max(0, limit - count)),
            (b"ratelimit-reset", b"%d" % reset),
        ]
        return reset if count > limit else None


class Cors(CORSMiddleware):
    """Lets pages of other origins call. A preflight that is refused grants nothing, which is no error."""

    def preflight_response(self, request_headers: StarletteHeaders) -> Response:
        response = super().preflight_response(request_headers)
        return response if response.status_code == 200 else Response(status_code=204, headers={"Vary": "Origin"})


class Compression(GZipMiddleware):
    """Compresses for those who accept it, and keeps out of the way of others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _GZIP.search(scope["header_map"].get(b"accept-encoding", b"")):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _open(scope: Scope) -> bytes:
    headers = scope["header_map"] = dict(scope["headers"])
    request_id: bytes = headers.get(b"x-request-id", b"")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = b"%032x" % secrets.randbits(128)
    scope["request_id"] = request_id.decode()
    scope["answer_headers"] = []
    context = {"request_id": scope["request_id"]}
    if trace := _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"")):
        scope["traceparent"] = trace[0].decode()
        context["trace_id"] = trace[1].decode()
    structlog.contextvars.bind_contextvars(**context)
    return request_id


def _close(scope: Scope, method: str, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    method = method if method in _METHODS else "OTHER"
    metrics.request_timer(method, route, status).observe(seconds)
    if scope["path"] not in OPERATIONS:
        took = {"duration_ms": round(seconds * 1000, 2), "client": _address(scope)}
        log.info("request", method=method, path=scope["path"], route=route, status=status, **took)


def _security_headers(settings: Settings) -> Headers:
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
        (b"vary", b"accept-encoding"),
    ]
    if settings.is_production:
        headers.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
    return headers


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _has_json(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body, if there is one, is of a type that the API reads."""
    if not _has_body(headers):
        return True
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return media_type == b"application/json" or (method == "PATCH" and media_type == b"application/merge-patch+json")


def _host(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].lower()


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _parse_rate(rate: str) -> tuple[int, int]:
    count, _, unit = rate.partition("/")
    return int(count), _SECONDS[unit]


async def _read(receive: Receive, limit: int) -> Message | None:
    """The body as one message, or that the caller is gone; nothing once it is over the limit in bytes."""
    chunks, size = [], 0
    while size <= limit:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body"):
            return {**message, "body": b"".join(chunks)} if size <= limit else None
    return None


def _replay(message: Message, receive: Receive) -> Receive:
    messages = [message]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
