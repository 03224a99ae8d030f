"""Middleware in plain ASGI, because `BaseHTTPMiddleware` is much slower."""

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
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import context, metrics
from app.cache import Cache
from app.config import Settings
from app.context import RequestContext
from app.errors import DomainError
from app.permissions import Principal
from app.web.errors import problem, unexpected_problem

log = structlog.get_logger()

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Requests to these paths are not logged or authenticated. Rate limits and load shedding do not apply to them."""
UNLIMITED = ("/openapi.json", "/docs", "/.well-known")
"""These paths and the paths below them have no rate limit either."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_GZIP = re.compile(rb"gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

_BELOW_UNLIMITED = tuple(f"{path}/" for path in UNLIMITED)

Headers = list[tuple[bytes, bytes]]
Authenticate = Callable[[str], Awaitable[Principal | DomainError]]
"""Takes the `Authorization` header. Returns the principal, or the reason why there is none."""


def has_rate_limit(path: str) -> bool:
    return path not in PROBES and path not in UNLIMITED and not path.startswith(_BELOW_UNLIMITED)


class RequestContextMiddleware:
    """The outermost layer: request id, access log, metrics, headers of every response, and unhandled exceptions."""

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
            # A route for GET also answers HEAD. The server omits the body.
            scope = {**scope, "method": "GET"}
        request = _enter_context(scope)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._complete(message["headers"], request)
            await send(message)

        metrics.requests_in_flight.inc()
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if status:
                raise
            await unexpected_problem(error)(scope, receive, send_with_headers)
        finally:
            metrics.requests_in_flight.dec()
            _report(scope, request, method, status, time.perf_counter() - started_at)

    def _complete(self, headers: Headers, request: RequestContext) -> Headers:
        # A `vary` of other middleware does not replace the default, unless it contains the default.
        names = {name for name, value in headers if name != b"vary" or b"accept-encoding" in value.lower()}
        complete = [*headers, (b"x-request-id", request.request_id.encode()), *request.response_headers]
        complete += [header for header in self.headers if header[0] not in names]
        if self.state.draining:
            complete.append((b"connection", b"close"))
        return complete


class TrustedHosts:
    """Refuses requests to hosts that are not allowed. Probes may use any host: they call the process by its IP."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: list[str]) -> None:
        self.app = app
        self.check = TrustedHostMiddleware(_accept, allowed_hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal: list[Message] = []

        async def collect(message: Message) -> None:
            refusal.append(message)

        if scope["type"] == "http" and scope["path"] not in PROBES:
            await self.check(scope, receive, collect)
        if refusal:
            await problem("invalid_parameter", "The host is not served here")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Concurrency:
    """Counts the requests in flight, and the request bodies that are being received."""

    def __init__(self, settings: Settings) -> None:
        self.max_in_flight = settings.max_concurrency
        self.max_uploads = settings.max_uploads
        self.max_upload_bytes = settings.max_upload_bytes
        self.in_flight = 0
        self.uploads = 0
        self.upload_bytes = 0


class LoadShedding:
    """Refuses requests beyond `MAX_CONCURRENCY` immediately, so that the other requests stay fast."""

    def __init__(self, app: ASGIApp, *, concurrency: Concurrency) -> None:
        self.app = app
        self.concurrency = concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        if self.concurrency.in_flight >= self.concurrency.max_in_flight:
            await problem("overloaded")(scope, receive, send)
            return
        self.concurrency.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.concurrency.in_flight -= 1


class Authentication:
    """Finds the principal of every request. The dependencies of a route decide whether it needs one."""

    def __init__(self, app: ASGIApp, *, authenticate: Authenticate) -> None:
        self.app = app
        self.authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            request = context.current()
            authorization = request.headers.get(b"authorization", b"").decode("latin-1")
            request.identity = await self.authenticate(authorization)
            if request.principal and request.principal.subject:
                structlog.contextvars.bind_contextvars(principal=request.principal.subject)
        await self.app(scope, receive, send)


class RateLimit:
    """Counts the requests of each caller in fixed windows, and refuses requests beyond the limit.

    `budgets` are the limits of single paths. On these paths, requests are counted by client address, with or without
    a token.
    """

    def __init__(self, app: ASGIApp, *, cache: Cache, default: str, budgets: Mapping[str, str]) -> None:
        self.app = app
        self.cache = cache
        self.default = _parse_rate(default)
        self.budgets = {path: _parse_rate(rate) for path, rate in budgets.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and has_rate_limit(scope["path"]):
            retry_after = await self._count(context.current())
            if retry_after is not None:
                await problem("rate_limited", retry_after=retry_after)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _count(self, request: RequestContext) -> int | None:
        """Count the request. Returns the seconds until the next window if the caller is over the limit."""
        limit, seconds = self.budgets.get(request.path, self.default)
        key = f"{request.path} {request.address}" if request.path in self.budgets else request.caller
        count, reset = await self.cache.increment(key, seconds)
        request.response_headers += [
            (b"ratelimit-limit", b"%d" % limit),
            (b"ratelimit-remaining", b"%d" % max(0, limit - count)),
            (b"ratelimit-reset", b"%d" % reset),
        ]
        return reset if count > limit else None


class RequestBodies:
    """Receives the whole body before the route runs. Limits the media type, the size, the time and the uploads.

    While its body is received, a request does not count as in flight: slow clients do not use up `MAX_CONCURRENCY`.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, concurrency: Concurrency) -> None:
        self.app = app
        self.concurrency = concurrency
        self.max_bytes = settings.max_body_bytes
        self.timeout = settings.body_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(context.current().headers):
            await self.app(scope, receive, send)
            return
        refusal = self._refuse(scope, context.current().headers)
        if refusal is None:
            receive, refusal = await self._receive(receive)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Response | None:
        """The response to a request that is refused before its body is received."""
        if not _is_json(scope["method"], headers):
            return problem("unsupported_media_type")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_bytes:
            return problem("payload_too_large")
        if self.concurrency.uploads >= self.concurrency.max_uploads:
            return problem("overloaded")
        return None

    async def _receive(self, receive: Receive) -> tuple[Receive, Response | None]:
        """A `receive` that returns the whole body as one message, or the response that refuses it."""
        body = _Body(receive, self.max_bytes, self.concurrency)
        try:
            async with asyncio.timeout(self.timeout):
                message = await body.read()
        except TimeoutError:
            return receive, problem("request_timeout", headers={"Connection": "close"})
        finally:
            body.close()
        if message is None:
            return receive, problem("payload_too_large" if body.size > self.max_bytes else "overloaded")
        if self.concurrency.in_flight > self.concurrency.max_in_flight:
            return receive, problem("overloaded")
        return _replay(message, receive), None


class _Body:
    """A request body that is being received."""

    def __init__(self, receive: Receive, max_bytes: int, concurrency: Concurrency) -> None:
        self.receive = receive
        self.max_bytes = max_bytes
        self.concurrency = concurrency
        self.size = 0
        concurrency.in_flight -= 1
        concurrency.uploads += 1

    async def read(self) -> Message | None:
        """The body, or the disconnect of the client, as one message. None when a limit is exceeded."""
        chunks: list[bytes] = []
        while True:
            message = await self.receive()
            chunk = message.get("body", b"")
            self.size += len(chunk)
            self.concurrency.upload_bytes += len(chunk)
            if self.size > self.max_bytes or self.concurrency.upload_bytes > self.concurrency.max_upload_bytes:
                return None
            chunks.append(chunk)
            if not message.get("more_body"):
                return {**message, "body": b"".join(chunks)}

    def close(self) -> None:
        self.concurrency.in_flight += 1
        self.concurrency.uploads -= 1
        self.concurrency.upload_bytes -= self.size


class Cors(CORSMiddleware):
    """Starlette's, except that a preflight that is not allowed gets 204 without CORS headers instead of 400."""

    def preflight_response(self, request_headers: StarletteHeaders) -> Response:
        response = super().preflight_response(request_headers)
        return response if response.status_code == 200 else Response(status_code=204, headers={"Vary": "Origin"})


class Compression(GZipMiddleware):
    """Starlette's, except that it is skipped when the client does not accept gzip."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _GZIP.search(context.current().headers.get(b"accept-encoding", b"")):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _enter_context(scope: Scope) -> RequestContext:
    headers = dict(scope["headers"])
    request_id: bytes = headers.get(b"x-request-id", b"")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = b"%032x" % secrets.randbits(128)
    address = scope["client"][0] if scope.get("client") else ""
    traceparent: bytes = headers.get(b"traceparent", b"")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = b""
    request = RequestContext(scope["path"], request_id.decode(), address, headers, traceparent=traceparent.decode())
    context.enter(request)
    structlog.contextvars.bind_contextvars(**request.logged)
    return request


def _report(scope: Scope, request: RequestContext, method: str, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    method = method if method in _METHODS else "OTHER"
    metrics.request_timer(method, route, status).observe(seconds)
    if request.path not in PROBES:
        duration_ms = round(seconds * 1000, 2)
        log.info(
            "request",
            method=method,
            path=request.path,
            route=route,
            status=status,
            duration_ms=duration_ms,
            client=request.address,
        )


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


def _is_json(method: str, headers: Mapping[bytes, bytes]) -> bool:
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return media_type == b"application/json" or (method == "PATCH" and media_type == b"application/merge-patch+json")


def _parse_rate(rate: str) -> tuple[int, int]:
    count, _, unit = rate.partition("/")
    return int(count), _SECONDS[unit]


async def _accept(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends nothing. `TrustedHostMiddleware` calls it for a host that is allowed."""


def _replay(message: Message, receive: Receive) -> Receive:
    """A `receive` that returns this message first."""
    messages = [message]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
