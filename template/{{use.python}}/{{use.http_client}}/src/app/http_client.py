"""Calls of other services over HTTP.

Each call has a deadline. A call that is safe to repeat is tried again. Each host has a limit of concurrent calls and a
circuit breaker: while a host fails, calls to it fail at once. Redirects are not followed.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from ipaddress import ip_network
from typing import Self

import stamina
from httpx2 import (
    URL,
    AsyncClient,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidURL,
    Limits,
    Timeout,
    create_ssl_context,
)
from prometheus_client import Gauge, Histogram
from ssrfguard import Policy, SSRFGuardError, resolve

from app import NAME, __version__, clock, context
from app.config import Settings
from app.metrics import BUCKETS

CONNECT_SECONDS = 3
CALLS_PER_HOST = 10
CONNECTIONS = 100
MAX_HOSTS = 1000
"""How many hosts are remembered. Beyond it, all are forgotten but those with all their places taken."""
ATTEMPTS = 3
MAX_RETRY_AFTER_SECONDS = 5
"""A call does not wait longer for its next attempt: its caller gets the response instead."""
FAILURES_TO_OPEN = 5
OPEN_SECONDS = 30
MAX_RESPONSE_BYTES = 1_048_576
LOOKUPS = 8
"""Names that are looked up at the same time. A lookup cannot be cancelled, so it has threads of its own."""

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))
_ALL_PORTS = frozenset(range(1, 65536))
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_FAILED = frozenset({"error", "502", "503", "504"})

duration = Histogram(
    "http_client_request_duration_seconds", "Time of a call to another service", ["peer", "status"], buckets=BUCKETS
)
circuits = Gauge("circuit_breaker_state", "Hosts of a peer whose circuit is open", ["peer"])


class CallError(Exception):
    """A call got no response. It may have had its effect. The text names no address, so users may read it."""

    is_transient = True
    """Whether the next attempt may succeed."""


class RefusedUrlError(CallError):
    """The URL of a user leads to a scheme, a port or an address that is not allowed."""

    is_transient = False


class ResponseTooLargeError(CallError):
    is_transient = False


class CircuitOpenError(CallError):
    """The host has failed too often, so the call was not made. The next one may be made after `retry_after` seconds."""

    is_transient = False

    def __init__(self, retry_after: float) -> None:
        super().__init__("the host failed too often, and is not called for a while")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By name, in any case."""
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """The header `Retry-After` in seconds. It may hold a number or a date."""
        value = self.headers.get("Retry-After", "")
        if value.isdecimal():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())
        except (ValueError, TypeError):
            return None


def policy_for_users(settings: Settings) -> Policy:
    """Where URLs that users have entered may lead: to public addresses, by HTTPS. In development, also to this host."""
    networks = [ip_network(each) for each in settings.http_client_allowed_networks]
    if settings.app_env == "development":
        return Policy(allowed_networks=(*networks, *_LOOPBACK), allowed_ports=_ALL_PORTS)
    ports = frozenset(map(int, settings.http_client_allowed_ports))
    return Policy(allowed_schemes=frozenset({"https"}), allowed_networks=tuple(networks), allowed_ports=ports)


def check_url(settings: Settings, url: str) -> None:
    """Check the URL of a user without looking up its name, as early as when it is entered.

    Raises: RefusedUrlError
    """
    try:
        policy_for_users(settings).check_url(url)
    except SSRFGuardError as error:
        raise RefusedUrlError("must be an HTTPS URL of a public host, without credentials") from error


class HttpClient:
    """Calls the hosts of one kind of peer. `peer` names it in the metrics.

    With a `policy`, URLs may come from users: a name is resolved once, its addresses are checked, and the connection
    goes to a checked address. Without one, all URLs must come from the configuration.
    """

    def __init__(self, settings: Settings, peer: str, *, policy: Policy | None = None) -> None:
        self._peer = peer
        self._policy = policy
        self._seconds = settings.http_client_timeout_seconds
        self._client = AsyncClient(
            timeout=Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds)),
            # The pool knows a checked connection by its address, which other names may share. So it is not kept.
            limits=Limits(max_connections=CONNECTIONS, max_keepalive_connections=0 if policy else None),
            follow_redirects=False,
            verify=create_ssl_context(),
            trust_env=False,  # a proxy would resolve the name again
        )
        self._hosts: dict[str, _Host] = {}
        self._lookups = ThreadPoolExecutor(LOOKUPS, "lookup")
        circuits.labels(peer).set_function(lambda: sum(host.circuit.is_open for host in self._hosts.values()))

    async def send(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The response to a request.

        It is sent again after an error and after 429, 502, 503 and 504, if the method is idempotent or the request has
        an `Idempotency-Key`.

        Raises: CallError
        """
        sent = {**_own_headers(), **(headers or {})}
        is_repeatable = method in _IDEMPOTENT or "Idempotency-Key" in sent
        try:
            async with asyncio.timeout(self._seconds):
                async for attempt in stamina.retry_context(
                    on=_is_worth_another, attempts=ATTEMPTS if is_repeatable else 1, timeout=None, wait_jitter=0.5
                ):
                    with attempt:
                        return await self._attempt(method, url, content, sent)
        except _UnavailableError as error:
            return error.reply
        except TimeoutError as error:
            raise CallError("the host did not answer in time") from error
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        await self._client.aclose()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def _attempt(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        host = self._host(url)
        async with host.places:
            host.circuit.check()
            status, started_at = "error", time.perf_counter()
            try:
                reply = await self._exchange(method, url, content, headers)
                status = str(reply.status)
            except RefusedUrlError:
                status = "refused"
                raise
            finally:
                host.circuit.record(has_failed=status in _FAILED)
                duration.labels(self._peer, status).observe(time.perf_counter() - started_at)
        if reply.status in _UNAVAILABLE:
            raise _UnavailableError(reply)
        return reply

    def _host(self, url: str) -> "_Host":
        try:
            name = URL(url).netloc.decode()
        except (InvalidURL, ValueError) as error:
            raise RefusedUrlError("the URL is not valid") from error
        if name not in self._hosts and len(self._hosts) >= MAX_HOSTS:
            self._hosts = {name: host for name, host in self._hosts.items() if host.places.locked()}
        return self._hosts.setdefault(name, _Host())

    async def _exchange(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        routes = [_Route(URL(url))] if self._policy is None else await self._checked_routes(url, self._policy)
        *others, last = routes
        try:
            for route in others:
                try:
                    return await self._request(method, route, content, headers)
                except (ConnectError, ConnectTimeout):
                    continue
            return await self._request(method, last, content, headers)
        except HTTPError as error:
            raise CallError(_reason(error)) from error

    async def _checked_routes(self, url: str, policy: Policy) -> list["_Route"]:
        """A route to each address of the host, if all of them are allowed."""
        try:
            lookup = partial(resolve, policy.check_url(url), policy=policy)
            addresses = await asyncio.get_running_loop().run_in_executor(self._lookups, lookup)
        except SSRFGuardError as error:
            raise RefusedUrlError("the address is not allowed") from error
        except OSError as error:
            raise CallError("the name of the host is not known") from error
        name = URL(url)
        return [
            _Route(name.copy_with(host=str(address.ip)), {"Host": name.netloc.decode()}, address.hostname)
            for address in addresses[: policy.max_connection_attempts]
        ]

    async def _request(self, method: str, route: "_Route", content: bytes, headers: Mapping[str, str]) -> Reply:
        extensions = {"sni_hostname": route.tls_name} if route.tls_name else {}
        body = bytearray()
        async with self._client.stream(
            method, route.url, content=content, headers={**headers, **route.headers}, extensions=extensions
        ) as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES:
                    raise ResponseTooLargeError("the response is too large")
        return Reply(response.status_code, response.headers, bytes(body))


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a request is sent, and the name that the certificate must have if it is not that of the URL."""

    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    tls_name: str = ""


class _Circuit:
    """Opens after several failures in a row. Then it lets one call pass from time to time, until one succeeds."""

    def __init__(self) -> None:
        self._failures = 0
        self._next_trial_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES_TO_OPEN

    def check(self) -> None:
        """Raises: CircuitOpenError"""
        now = time.monotonic()
        if not self.is_open:
            return
        if now < self._next_trial_at:
            raise CircuitOpenError(self._next_trial_at - now)
        self._next_trial_at = now + OPEN_SECONDS  # other calls wait for the result of this one

    def record(self, *, has_failed: bool) -> None:
        self._failures = self._failures + 1 if has_failed else 0
        if self.is_open:
            self._next_trial_at = time.monotonic() + OPEN_SECONDS


class _Host:
    """The calls in flight to one host, and its circuit breaker."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(CALLS_PER_HOST)
        self.circuit = _Circuit()


class _UnavailableError(Exception):
    """A response that asks to try again later."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def _is_worth_another(error: Exception) -> bool | float:
    """Whether to try again; or after how many seconds, if the host says so."""
    if isinstance(error, _UnavailableError):
        seconds = error.reply.retry_after
        return True if seconds is None else seconds <= MAX_RETRY_AFTER_SECONDS and seconds
    return isinstance(error, CallError) and error.is_transient


def _own_headers() -> dict[str, str]:
    """The name of this service, and the ids by which logs and traces of both services are found."""
    request = context.current()
    headers = {"User-Agent": f"{NAME}/{__version__}", "Accept-Encoding": "identity"}
    if request.request_id:
        headers["X-Request-ID"] = request.request_id
    if request.traceparent:
        headers["traceparent"] = request.traceparent
    return headers


def _reason(error: HTTPError) -> str:
    return "no connection to the host" if isinstance(error, ConnectError | ConnectTimeout) else "the connection broke"
