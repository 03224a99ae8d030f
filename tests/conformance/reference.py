"""A service that keeps the contract and nothing else: in memory, for tests of the suite alone.

It is a test double. It exists so that each check can be seen to pass on a service that keeps its
rule and to fail on one that breaks it: `Reference(broken="…")` breaks one rule, and `breaks("…")`
marks each such place.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ORDERS = "/api/v1/orders"
AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"
WEBHOOKS = "/api/v1/webhooks"
ALLOWED_ORIGIN = "https://app.example"
ADMIN = ("admin@example.com", "an admin's password")
MAX_BODY = 1024 * 1024
CONFIRMED_AFTER = 0.01
LOCKED_AFTER = 10
REFUSING = 0.04
WORK = 0.01
RACE = 0.2
"""Seconds: to refuse a password, to place an order by key, to let a race be lost."""
TITLES = {
    "malformed_json": 400,
    "invalid_cursor": 400,
    "invalid_parameter": 400,
    "unauthenticated": 401,
    "token_expired": 401,
    "invalid_credentials": 401,
    "permission_denied": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "invalid_state": 409,
    "idempotency_in_progress": 409,
    "precondition_failed": 412,
    "precondition_required": 428,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
    "overloaded": 503,
}
SIGNING_KEY = ec.generate_private_key(ec.SECP256R1())
SIGNING_KEY_PEM = SIGNING_KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


Handler = Callable[["Asked"], Coroutine[Any, Any, "Reply"]]


class Refused(Exception):
    """A request that ends in a problem."""

    def __init__(self, code: str, *, errors: Any = None, **headers: str) -> None:
        super().__init__(code)
        self.code, self.status, self.errors = code, TITLES[code], errors
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Reply:
    """An answer on its way out."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request, read."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    client: str
    read: Callable[[], Awaitable[bytes]]
    id: str = ""
    route: str = "unmatched"
    args: tuple[str, ...] = ()
    user: dict[str, Any] | None = None
    budget: dict[str, str] = field(default_factory=dict)


class Reference:
    """The ASGI application. `auth` is jwt or none; `broken` is the one rule it breaks, if any."""

    def __init__(
        self,
        auth: str = "jwt",
        *,
        queue: bool = True,
        broken: str = "",
        registration: bool = True,
        general_limit: int = 100_000,
        auth_limit: int = 80,
        window: int = 3600,
        documented: bool = True,
        scheme: dict[str, str] | None = None,
    ) -> None:
        self.auth, self.queue, self.broken, self.registration = auth, queue, broken, registration
        self.limits = {"general": general_limit, "auth": auth_limit}
        self.tells_of_queue = queue
        self.window, self.documented = window, documented
        self.scheme = scheme or {"type": "http", "scheme": "bearer"}
        self.asked_for: set[str] = set()
        self.users: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []
        self.keys: dict[tuple[str, ...], Any] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.used: dict[str, int] = {}
        self.failures: dict[tuple[str, str], int] = {}
        self.series: dict[str, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        public = json.loads(ECAlgorithm.to_jwk(SIGNING_KEY.public_key()))
        self.jwk = public | {"kid": "one", "use": "sig", "alg": "ES256"}
        self.add_user(*ADMIN, roles=["admin"])
        self.routes = self._routes()

    def breaks(self, rule: str) -> bool:
        """Is this the rule to break?"""
        self.asked_for.add(rule)
        return self.broken == rule

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = self._asked(scope, receive)
        asked.id = self._request_id(asked)
        try:
            reply = await self._answer(asked)
        except Refused as refused:
            reply = self._problem(asked, refused)
        except Exception:  # noqa: BLE001  # whatever it is, it ends as a problem
            reply = self._problem(asked, Refused("internal_error"))
        await self._send(asked, reply, send)

    # -- the way in ---------------------------------------------------------------------------

    def _asked(self, scope: Any, receive: Any) -> Asked:
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }

        async def read() -> bytes:
            limit = 512 * 1024 if self.breaks("the limit of bodies is lower") else MAX_BODY
            announced = int(headers.get("content-length", 0))
            if announced > limit and not self.breaks("long bodies are read"):
                raise Refused("payload_too_large")
            chunked = "content-length" not in headers
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if chunked and len(body) > limit and not self.breaks("chunked bodies are read"):
                    raise Refused("payload_too_large")
            return body

        query = dict(
            parse_qsl(scope["query_string"].decode(), keep_blank_values=True, errors="replace")
        )
        client = scope["client"][0]
        if self.breaks("X-Forwarded-For is believed"):
            client = headers.get("x-forwarded-for", client)
        path = unquote(scope["raw_path"].decode(), errors="replace")
        return Asked(scope["method"], path, query, headers, client, read)

    def _request_id(self, asked: Asked) -> str:
        sent = asked.headers.get("x-request-id", "")
        good = re.fullmatch(r"[A-Za-z0-9._-]{1,128}", sent) or (
            sent and self.breaks("any request id is kept")
        )
        return sent if good and not self.breaks("no request id is kept") else uuid.uuid4().hex

    async def _answer(self, asked: Asked) -> Reply:
        if asked.headers.get("traceparent") == "rubbish" and self.breaks(
            "a malformed traceparent is refused"
        ):
            raise Refused("invalid_parameter")
        if asked.method == "OPTIONS" and "access-control-request-method" in asked.headers:
            return self._preflight(asked)
        if self.breaks("the API has no version") and asked.path == "/api/orders":
            asked.path = ORDERS
        handler, public = self._matched(asked)
        try:
            if self.auth == "jwt" and not public:
                asked.user = self._principal(asked)
        finally:
            self._count_budget(asked)
        return await handler(asked)

    def _matched(self, asked: Asked) -> tuple[Handler, bool]:
        known: list[str] = []
        for method, path, handler, public in self.routes:
            found = re.fullmatch(path.replace("{}", "([^/]+)"), asked.path)
            if not found:
                continue
            known.append(method)
            is_head = asked.method == "HEAD" and not self.breaks("HEAD is no method")
            wanted = "GET" if is_head else asked.method
            if method == wanted:
                asked.route, asked.args = path, found.groups()
                return handler, public
        if known and asked.method == "OPTIONS":
            allow = {} if self.breaks("OPTIONS tells no methods") else {"Allow": ", ".join(known)}
            return _always(Reply(204, headers=allow)), True
        if known:
            allow = {} if self.breaks("405 tells no methods") else {"Allow": ", ".join(known)}
            raise Refused("method_not_allowed", **allow)
        if asked.path == "/nowhere" and self.breaks("an unknown path is a bad parameter"):
            raise Refused("invalid_parameter")
        raise Refused("not_found")

    def _count_budget(self, asked: Asked) -> None:
        if not asked.path.startswith("/api/"):
            if self.breaks("probes are limited"):
                asked.budget = {"RateLimit-Limit": "9"}
            return
        strict = asked.path.startswith(AUTH) and not asked.path.endswith("logout")
        limit = self.limits["auth" if strict else "general"]
        window, into = divmod(time.time(), self.window)
        who = f"{strict} {asked.user['id'] if asked.user else asked.client} {window}"
        self.used[who] = self.used.get(who, 0) + (not self.breaks("the budget stays"))
        told = self.limits["general"] if self.breaks("login has the general budget") else limit
        left, reset = max(0, limit - self.used[who]), str(int(self.window - into) + 1)
        for name, number in (("Limit", told), ("Remaining", left), ("Reset", reset)):
            asked.budget[f"RateLimit-{name}"] = str(number)
        if self.used[who] > limit and not self.breaks("budgets have no end"):
            raise Refused("rate_limited", Retry_After=reset)

    def _principal(self, asked: Asked) -> dict[str, Any] | None:
        if asked.route == f"{ME}/export" and self.breaks("export is public"):
            return self.users[ADMIN[0]]
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if not token and self.breaks("a token counts in the query"):
            scheme, token = "Bearer", asked.query.get("access_token", "")
        refused = Refused("unauthenticated", WWW_Authenticate="Bearer")
        if scheme != "Bearer" or not token:
            raise refused
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError:
            raise Refused("token_expired", WWW_Authenticate="Bearer") from None
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            raise refused from None
        for user in self.users.values():
            is_valid = claims["at"] >= user["valid_from"] and not user["disabled"]
            if user["id"] == claims["sub"] and (is_valid or self.breaks("the disabled stay")):
                return user
        raise refused

    def _claims(self, token: str) -> dict[str, Any]:
        header, key = jwt.get_unverified_header(token), SIGNING_KEY.public_key()
        unverified = jwt.decode(token, options={"verify_signature": False})
        if header["alg"] == "none" and self.breaks("unsigned tokens count"):
            return unverified
        if header["alg"] == "HS256" and self.breaks("the public key counts as a secret"):
            return unverified
        if header.get("kid") != "one":
            raise jwt.InvalidTokenError
        if "jwk" in header and self.breaks("a token brings its own key"):
            key = jwt.PyJWK(header["jwk"]).key
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["ES256"],
            audience="reference",
            issuer="reference",
            options={
                "require": ["exp", "iat", "sub", "aud", "iss"],
                "verify_signature": not self.breaks("signatures are not checked"),
                "verify_exp": not self.breaks("expiry is not checked"),
                "verify_aud": not self.breaks("audience is not checked"),
                "verify_iss": True,
                "verify_iat": True,
                "verify_nbf": True,
            },
        )
        if claims["typ"] != "access" and not self.breaks("a refresh token gives access"):
            raise jwt.InvalidTokenError
        return claims

    # -- the way out --------------------------------------------------------------------------

    def _problem(self, asked: Asked, refused: Refused) -> Reply:
        body: dict[str, Any] = {
            "type": f"/problems/{refused.code}",
            "title": refused.code.replace("_", " "),
            "status": refused.status,
            "detail": "This is how it is",
            "instance": asked.path,
            "code": refused.code,
            "request_id": asked.id,
            "timestamp": _now(),
        }
        if refused.errors:
            body["errors"] = refused.errors
        if self.breaks("problems have no timestamp"):
            del body["timestamp"]
        if self.breaks("details tell a class") and refused.status == 422:
            body["detail"] = "app.orders.models.OrderError: no"
        if self.breaks("problems have another request id"):
            body["request_id"] = "another"
        kind = (
            "application/json"
            if self.breaks("problems are plain JSON")
            else "application/problem+json"
        )
        return Reply(refused.status, body, {"Content-Type": kind, **refused.headers})

    def _preflight(self, asked: Asked) -> Reply:
        headers = self._cors(asked)
        if headers:
            headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            headers["Access-Control-Allow-Headers"] = "authorization, idempotency-key, if-match"
        return Reply(204, headers=headers)

    def _cors(self, asked: Asked) -> dict[str, str]:
        origin = asked.headers.get("origin")
        allowed = origin == ALLOWED_ORIGIN or self.breaks("every origin is allowed")
        if not origin or not allowed or self.breaks("no origin is allowed"):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    async def _send(self, asked: Asked, reply: Reply, send: Any) -> None:
        body = b""
        if isinstance(reply.body, str):
            body = reply.body.encode()
        elif reply.body is not None:
            body = json.dumps(reply.body).encode()
        own = "default-src 'self'" if asked.path == "/docs" else None
        headers = {
            "Content-Type": "application/json",
            "X-Request-ID": asked.id,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": own or "default-src 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            **({} if reply.status == 404 and self.breaks("404 tells no budget") else asked.budget),
            **self._cors(asked),
            **reply.headers,
        }
        for rule, name in (
            ("no nosniff on errors", "X-Content-Type-Options"),
            ("errors may be cached", "Cache-Control"),
        ):
            if reply.status >= 400 and self.breaks(rule):
                del headers[name]
        if self.breaks("the server tells its version"):
            headers["Server"] = "reference/1.2"
        body = self._packed(asked, reply, body, headers)
        self._count_series(asked, reply)
        headers["Content-Length"] = str(len(body))
        if reply.status in (204, 304):
            del headers["Content-Length"], headers["Content-Type"]
        raw = [
            (name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})

    def _packed(self, asked: Asked, reply: Reply, body: bytes, headers: dict[str, str]) -> bytes:
        large = len(body) > 1024 or self.breaks("small bodies are compressed")
        if not large or reply.status in (204, 304):
            return body
        headers["Vary"] = (
            f"{headers['Vary']}, Accept-Encoding" if "Vary" in headers else "Accept-Encoding"
        )
        if "gzip" not in asked.headers.get("accept-encoding", "") or self.breaks(
            "nothing is compressed"
        ):
            return body
        headers["Content-Encoding"] = "gzip"
        return gzip.compress(body, 1)

    def _count_series(self, asked: Asked, reply: Reply) -> None:
        route = asked.path if self.breaks("routes are counted by path") else asked.route
        known = asked.method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        method = asked.method if known or self.breaks("any method is counted") else "other"
        name = f'method="{method}",route="{route}",status="{reply.status}"'
        self.series[name] = self.series.get(name, 0) + 1

    # -- operations ---------------------------------------------------------------------------

    async def livez(self, _: Asked) -> Reply:
        """The process serves."""
        return Reply(204) if self.breaks("livez says nothing") else Reply(200, {"status": "ok"})

    async def readyz(self, _: Asked) -> Reply:
        """What the service depends on."""
        database = (
            {"status": "ok"} if self.breaks("no latency") else {"status": "ok", "latency_ms": 0.1}
        )
        headers = {"Cache-Control": "max-age=9"} if self.breaks("readyz is cached") else {}
        return Reply(200, {"status": "ok", "checks": {"database": database}}, headers)

    async def metrics(self, _: Asked) -> Reply:
        """Prometheus exposition."""
        if self.breaks("no port has the metrics"):
            raise Refused("not_found")
        lines = ["# TYPE http_server_request_duration_seconds histogram"]
        for labels, count in self.series.items():
            lines.append(f"http_server_request_duration_seconds_count{{{labels}}} {count}")
        pool = [] if self.breaks("a metric is missing") else ["db_pool_connections"]
        names = (
            "http_server_requests_in_flight",
            "db_client_operation_duration_seconds",
            "build_info",
            "auth_attempts_total",
            *pool,
            *(["outbox_pending"] if self.tells_of_queue else []),
        )
        lines += [f"{name} 1" for name in names]
        return Reply(200, "\n".join(lines) + "\n", {"Content-Type": "text/plain; version=0.0.4"})

    async def problem_page(self, asked: Asked) -> Reply:
        """What a code means."""
        code = asked.args[0]
        if code not in TITLES or (code == "overloaded" and self.breaks("a code has no page")):
            raise Refused("not_found")
        return Reply(200, f"{code}: {TITLES[code]}", {"Content-Type": "text/plain"})

    async def docs(self, _: Asked) -> Reply:
        """The page of the document."""
        if self.breaks("there is no docs page"):
            raise Refused("not_found")
        return Reply(200, "<!doctype html><title>API</title>", {"Content-Type": "text/html"})

    async def openapi(self, _: Asked) -> Reply:
        """The OpenAPI document."""
        if not self.documented:
            raise Refused("not_found")
        return Reply(200, self._document())

    async def jwks(self, _: Asked) -> Reply:
        """The public key."""
        secret = {"d": "c2VjcmV0"} if self.breaks("the private key is published") else {}
        return Reply(200, {"keys": [self.jwk | secret]})

    # -- people -------------------------------------------------------------------------------

    async def register(self, asked: Asked) -> Reply:
        """A new account."""
        if not self.registration:
            raise Refused("permission_denied")
        body = await self._json(asked)
        if "roles" in body and self.breaks("one registers with roles"):
            return self._user_reply(self.add_user(**body), 201)
        _expect_members(body, {"email", "password"})
        return self._user_reply(self.add_user(**body, roles=["member"]), 201)

    async def login(self, asked: Asked) -> Reply:
        """Tokens for a password."""
        body = await self._json(asked)
        account = (asked.client, body["email"])
        if self.failures.get(account, 0) >= LOCKED_AFTER:
            raise Refused("rate_limited", Retry_After="900")
        user = self.users.get(body["email"])
        if not user and self.breaks("an unknown address is told"):
            raise Refused("not_found")
        if user and user["disabled"] and not self.breaks("the disabled log in"):
            user = None
        if not user or user["hash"] != _hashed(body["password"]):
            if not self.breaks("failures are not counted"):
                every = self.breaks("failures lock the address")
                for one in [*self.users] if every else [body["email"]]:
                    count = self.failures.get((asked.client, one), 0)
                    self.failures[asked.client, one] = count + 1
            if user or not self.breaks("an unknown address is answered at once"):
                await asyncio.sleep(REFUSING)
            raise Refused("invalid_credentials", WWW_Authenticate="Bearer")
        self.failures.pop(account, None)
        return self._tokens(user, family=uuid.uuid4().hex)

    async def refresh(self, asked: Asked) -> Reply:
        """New tokens for a refresh token, which is then used."""
        token = (await self._json(asked))["refresh_token"]
        session = self.sessions.get(token)
        if not session and self.breaks("an access token refreshes") and token.count(".") == 2:
            return self._tokens(self.users[ADMIN[0]], "any")
        if not session or session["revoked"]:
            raise Refused("unauthenticated", WWW_Authenticate="Bearer")
        if session["used"] and not self.breaks("a refresh token works twice"):
            if not self.breaks("reuse leaves the family alone"):
                self._revoke(session["family"])
            raise Refused("unauthenticated", WWW_Authenticate="Bearer")
        session["used"] = True
        return self._tokens(session["user"], session["family"])

    async def receive_webhook(self, _: Asked) -> Reply:
        """A webhook of another service: none has a valid signature."""
        if self.breaks("unsigned webhooks are taken"):
            return Reply(202)
        raise Refused("unauthenticated")

    async def logout(self, asked: Asked) -> Reply:
        """The end of a session."""
        session = self.sessions.get((await self._json(asked))["refresh_token"])
        if session and not self.breaks("logout forgets"):
            self._revoke(session["family"])
        return Reply(204)

    async def me(self, asked: Asked) -> Reply:
        """The caller."""
        user = _the(asked.user)
        secret = {"password_hash": user["hash"]} if self.breaks("the hash is told") else {}
        reply = self._user_reply(user)
        reply.body |= secret
        if self.breaks("the account has no version"):
            return reply
        return self._conditional(asked, reply, '"1"')

    async def export(self, asked: Asked) -> Reply:
        """The caller's data."""
        if self.breaks("the export is empty"):
            return Reply(200, {})
        return Reply(
            200, {"user": self._user_reply(_the(asked.user)).body, "orders": self._own(asked)}
        )

    async def erase(self, asked: Asked) -> Reply:
        """The caller, gone."""
        user = _the(asked.user)
        if not self.breaks("the erased stay"):
            del self.users[user["email"]]
            self.orders = [order for order in self.orders if order["owner"] != user["id"]]
            for session in self.sessions.values():
                session["revoked"] |= session["user"] is user
        return Reply(204)

    async def change_password(self, asked: Asked) -> Reply:
        """A new password for the caller, which ends its sessions."""
        body, user = await self._json(asked), _the(asked.user)
        is_known = user["hash"] == _hashed(body["current_password"])
        if not is_known and not self.breaks("any current password will do"):
            raise Refused("invalid_credentials", WWW_Authenticate="Bearer")
        user["hash"] = _hashed(body["new_password"])
        if not self.breaks("a new password ends no session"):
            user["valid_from"] = time.time()
        return Reply(204)

    async def patch_user(self, asked: Asked) -> Reply:
        """A user, disabled or enabled again."""
        _expect_admin(asked)
        disabled = (await self._json(asked))["disabled"]
        for user in self.users.values():
            if user["id"] == asked.args[0]:
                user["disabled"] = disabled
                return self._user_reply(user)
        raise Refused("not_found")

    async def list_users(self, asked: Asked) -> Reply:
        """Every user, for admins."""
        if not self.breaks("everybody may list the users"):
            _expect_admin(asked)
        limit = self._limit(asked)
        users = [self._user_reply(user).body for user in self.users.values()][:limit]
        return Reply(200, {"data": users, "meta": {"limit": limit, "next_cursor": None}})

    async def set_roles(self, asked: Asked) -> Reply:
        """What a user may do."""
        _expect_admin(asked)
        roles = (await self._json(asked))["roles"]
        if not {*roles} <= {"admin", "member"} and not self.breaks("any role exists"):
            raise Refused("validation_failed", errors=[_error("/roles/0")])
        for user in self.users.values():
            if user["id"] == asked.args[0]:
                user["roles"] = roles
                return self._user_reply(user)
        raise Refused("not_found")

    def add_user(self, email: str, password: str, roles: list[str]) -> dict[str, Any]:
        """A user that nobody registered."""
        user: dict[str, Any] = {"id": _uuid7(), "email": email, "roles": roles}
        user |= {"hash": _hashed(password), "disabled": False, "valid_from": 0.0}
        self.users[email] = user
        return user

    def _user_reply(self, user: dict[str, Any], status: int = 200) -> Reply:
        shown = {name: user[name] for name in ("id", "email", "roles", "disabled")}
        return Reply(status, shown, {"ETag": '"1"'})

    def _tokens(self, user: dict[str, Any], family: str) -> Reply:
        life = 86_400 if self.breaks("tokens live for a day") else 900
        access = self._token(user, "access", life)
        refresh = self._token(user, "refresh", 7 * 86_400)
        self.sessions[refresh] = {"user": user, "family": family, "used": False, "revoked": False}
        body = {"access_token": access, "refresh_token": refresh, "expires_in": 900}
        return Reply(
            200,
            body if self.breaks("login tells no token type") else body | {"token_type": "Bearer"},
        )

    def _token(self, user: dict[str, Any], kind: str, life: int) -> str:
        now = int(time.time())
        claims = {
            "iss": "reference",
            "aud": "reference",
            "sub": user["id"],
            "iat": now,
            "exp": now + life,
        }
        claims |= {"typ": kind, "jti": uuid.uuid4().hex, "at": time.time()}
        return jwt.encode(claims, SIGNING_KEY, "ES256", headers={"kid": "one"})

    def _revoke(self, family: str) -> None:
        for session in self.sessions.values():
            session["revoked"] |= session["family"] == family

    # -- orders -------------------------------------------------------------------------------

    async def create(self, asked: Asked) -> Reply:
        """A new order, or the answer that its key had."""
        key = asked.headers.get("idempotency-key")
        sound = key is None or re.fullmatch(r"[\x20-\x7e]{1,255}", key)
        if not sound and not self.breaks("any key is taken"):
            raise Refused("invalid_parameter")
        body = await self._json(asked)
        if key is None:
            return await self._create(asked, body)
        who = "all" if self.breaks("keys are everybody's") else self._who(asked)
        known = self.keys.get((who, key))
        if known is None:
            return await self._create_by_key(asked, body, (who, key))
        return self._replay(known, body)

    async def _create_by_key(self, asked: Asked, body: Any, key: tuple[str, ...]) -> Reply:
        late = self.breaks("a key is kept after the effect")
        if not late:
            self.keys[key] = (body, None)
        try:
            await asyncio.sleep(RACE if late else WORK)
            reply = await self._create(asked, body)
        except Refused:
            self.keys.pop(key, None)
            raise
        self.keys[key] = (body, reply)
        return reply

    def _replay(self, known: Any, body: Any) -> Reply:
        first, reply = known
        if first != body and not self.breaks("a key has any body"):
            raise Refused("idempotency_key_reused")
        if reply is None:
            raise Refused("idempotency_in_progress", Retry_After="1")
        said = {} if self.breaks("a replay does not say so") else {"Idempotent-Replayed": "true"}
        return Reply(201, reply.body, reply.headers | said)

    async def _create(self, asked: Asked, body: Any) -> Reply:
        self._validate(body)
        who = self._who(asked)
        twin = any(
            one["owner"] == who and one["reference"] == body["reference"] for one in self.orders
        )
        if twin and not self.breaks("a reference is taken twice"):
            raise Refused("conflict")
        now = _now()
        order = {
            "id": str(uuid.uuid4()) if self.breaks("ids are random") else _uuid7(),
            "reference": body["reference"],
            "currency": body["currency"],
            "status": "placed",
            "lines": body["lines"],
            "total": self._total(body["lines"]),
            "note": body.get("note"),
            "created_at": "2026-01-01 00:00" if self.breaks("times have no zone") else now,
            "updated_at": now,
            "owner": who,
            "version": 1,
        }
        self.orders.append(order)
        if self.queue and not self.breaks("no event takes effect"):
            self._spawn(self._confirm(order))
        place = "/api/v1/order" if self.breaks("Location leads nowhere") else ORDERS
        return self._order_reply(order, 201, {"Location": f"{place}/{order['id']}"})

    async def _confirm(self, order: dict[str, Any]) -> None:
        await asyncio.sleep(CONFIRMED_AFTER)
        _change(order, status="confirmed")
        if self.breaks("an event takes effect twice"):
            await asyncio.sleep(0.05)
            _change(order, status="confirmed")

    async def list_orders(self, asked: Asked) -> Reply:
        """A page of the caller's orders."""
        limit = self._limit(asked)
        found = [one for one in self._own(asked, listed=True) if self._fits(one, asked.query)]
        oldest_first = self.breaks("the oldest come first")
        found.sort(key=lambda one: (one["created_at"], one["id"]), reverse=not oldest_first)
        start = self._start(found, asked.query.get("cursor"))
        page, rest = found[start : start + limit], found[start + limit :]
        cursor = self._cursor(page[-1], start + limit) if rest else None
        headers = {}
        if cursor:
            kept = asked.query | {"cursor": cursor}
            if self.breaks("Link forgets the limit"):
                kept.pop("limit", None)
            headers["Link"] = f'<{ORDERS}?{urlencode(kept)}>; rel="next"'
        meta = {"limit": limit, "next_cursor": cursor}
        return Reply(200, {"data": [_shown(one) for one in page], "meta": meta}, headers)

    async def get(self, asked: Asked) -> Reply:
        """One order."""
        reply = self._order_reply(self._find(asked))
        return self._conditional(asked, reply, reply.headers["ETag"])

    async def patch(self, asked: Asked) -> Reply:
        """A change of note or reference."""
        body = await self._json(asked, merge=True)
        order = self._find(asked)
        self._expect_version(asked, order)
        if self.breaks("versions are compared too early"):
            await asyncio.sleep(RACE)
        if order["status"] == "cancelled":
            raise Refused("invalid_state")
        if self.breaks("PATCH takes any member"):
            body = {name: value for name, value in body.items() if name in ("note", "reference")}
        _expect_members(body, {"note", "reference"}, partial=True)
        if self.breaks("null changes nothing"):
            body = {name: value for name, value in body.items() if value is not None}
        _change(order, **body)
        return self._order_reply(order)

    async def cancel(self, asked: Asked) -> Reply:
        """An order, cancelled."""
        order = self._find(asked)
        self._expect_version(asked, order)
        if order["status"] == "cancelled" and not self.breaks("cancelling goes on"):
            raise Refused("invalid_state")
        _change(order, status="cancelled")
        return self._order_reply(order)

    async def delete(self, asked: Asked) -> Reply:
        """An order, gone."""
        order = self._find(asked)
        if asked.user and "admin" not in asked.user["roles"]:
            raise Refused("permission_denied")
        if not self.breaks("the deleted stay"):
            self.orders.remove(order)
        return Reply(204)

    def _find(self, asked: Asked) -> dict[str, Any]:
        for order in self._own(asked, listed=False):
            if order["id"] == asked.args[0]:
                return order
        if self.breaks("an absent order is a conflict"):
            raise Refused("conflict")
        if "\0" in asked.args[0] and self.breaks("NUL is an error"):
            raise RuntimeError
        raise Refused("not_found")

    def _own(self, asked: Asked, listed: bool = True) -> list[dict[str, Any]]:
        everything = not asked.user or "admin" in asked.user["roles"]
        if everything and asked.user and self.breaks("an admin sees its own alone"):
            everything = False
        if self.breaks("lists have everybody's orders" if listed else "orders are everybody's"):
            everything = True
        return [one for one in self.orders if everything or one["owner"] == self._who(asked)]

    def _who(self, asked: Asked) -> str:
        return str(asked.user["id"]) if asked.user else ""

    def _limit(self, asked: Asked) -> int:
        asked_for = asked.query.get("limit", "10" if self.breaks("10 by default") else "20")
        sound = re.fullmatch(r"\d{1,3}", asked_for)
        if sound and int(asked_for) > 100 and self.breaks("any limit is taken"):
            return int(asked_for)
        if not sound or not 1 <= int(asked_for) <= 100:
            raise Refused("invalid_parameter")
        return int(asked_for)

    def _fits(self, order: dict[str, Any], query: dict[str, str]) -> bool:
        states = ("placed", "confirmed", "cancelled")
        if query.get("status", "placed") not in states and not self.breaks(
            "any status is asked for"
        ):
            raise Refused("invalid_parameter")
        try:
            after = datetime.fromisoformat(query.get("created_after", "0001-01-01T00:00:00Z"))
            before = datetime.fromisoformat(query.get("created_before", "9999-01-01T00:00:00Z"))
        except ValueError:
            raise Refused("invalid_parameter") from None
        created = datetime.fromisoformat(order["created_at"])
        return (
            query.get("reference", order["reference"]) == order["reference"]
            and (
                query.get("status", order["status"]) == order["status"]
                or self.breaks("the status is no filter")
            )
            and (created.tzinfo is None or after < created < before)
        )

    def _cursor(self, last: dict[str, Any], offset: int) -> str:
        return base64.urlsafe_b64encode(f"v1:{offset}:{last['id']}".encode()).decode()

    def _start(self, found: list[dict[str, Any]], cursor: str | None) -> int:
        if cursor is None:
            return 0
        try:
            version, offset, last = base64.urlsafe_b64decode(cursor).decode().split(":")
        except ValueError:
            version = ""
        if version != "v1":
            if self.breaks("any cursor is taken"):
                return 0
            raise Refused("invalid_cursor")
        if self.breaks("pages are counted"):
            return int(offset)
        return next(number for number, one in enumerate(found) if one["id"] == last) + 1

    def _order_reply(
        self, order: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
    ) -> Reply:
        return Reply(status, _shown(order), {"ETag": _tag(order), **(headers or {})})

    def _conditional(self, asked: Asked, reply: Reply, tag: str) -> Reply:
        wanted = asked.headers.get("if-none-match", "").replace("W/", "")
        known = tag in [one.strip() for one in wanted.split(",")] or wanted == "*"
        if asked.path.startswith(ORDERS) and self.breaks("304 is never given"):
            known = False
        return Reply(304, headers={"ETag": tag}) if known else reply

    def _expect_version(self, asked: Asked, order: dict[str, Any]) -> None:
        wanted = asked.headers.get("if-match")
        if wanted is None:
            if not self.breaks("a change needs no version"):
                raise Refused("precondition_required")
        elif wanted not in (_tag(order), "*") and not self.breaks("any version is taken"):
            raise Refused("precondition_failed")

    def _total(self, lines: list[dict[str, Any]]) -> str:
        if self.breaks("money is a float"):
            return str(sum(float(one["unit_price"]) * one["quantity"] for one in lines))
        return str(sum(Decimal(one["unit_price"]) * one["quantity"] for one in lines))

    # -- bodies -------------------------------------------------------------------------------

    async def _json(self, asked: Asked, merge: bool = False) -> Any:
        kind = asked.headers.get("content-type", "").partition(";")[0]
        taken = (
            {"application/json", "application/merge-patch+json"} if merge else {"application/json"}
        )
        if self.breaks("a merge patch is no JSON"):
            taken = {"application/json"}
        if kind not in taken and not self.breaks("any content type is taken"):
            raise Refused("unsupported_media_type")
        raw = await asked.read()
        try:
            return json.loads(raw)
        except RecursionError:
            if self.breaks("deep JSON is an error"):
                raise
            raise Refused("malformed_json") from None
        except ValueError:
            if self.breaks("malformed JSON is a conflict"):
                raise Refused("conflict") from None
            raise Refused("malformed_json") from None

    def _validate(self, body: Any) -> None:
        members: dict[str, Callable[[Any], bool]] = {
            "reference": _text(64),
            "currency": _currency,
            "note": _note,
            "lines": bool,
        }
        if self.breaks("a status can be sent"):
            body.pop("status", None)
        if not self.breaks("unknown members are taken"):
            _expect_members(body, set(members), required={"reference", "currency", "lines"})
        for name, sound in members.items():
            if name != "lines" and not sound(body.get(name)):
                raise Refused("validation_failed", errors=[_error(f"/{name}")])
        lines = body["lines"]
        most = 99 if self.breaks("an order has 99 lines at most") else 100
        if not isinstance(lines, list) or not 1 <= len(lines) <= most:
            raise Refused("validation_failed", errors=[_error("/lines")])
        for number, one in enumerate(lines):
            self._validate_line(one, f"/lines/{number}")

    def _validate_line(self, one: Any, at: str) -> None:
        if not self.breaks("unknown members are taken"):
            _expect_members(one, {"sku", "quantity", "unit_price"}, at=at)
        most = 10**9 if self.breaks("a quantity has no bound") else 1000
        if isinstance(one["quantity"], str | bool) and self.breaks("text counts as a number"):
            one["quantity"] = int(one["quantity"])
        for name, sound in (
            ("sku", _text(64)(one["sku"])),
            ("quantity", type(one["quantity"]) is int and 1 <= one["quantity"] <= most),
            ("unit_price", _is_price(one["unit_price"])),
        ):
            if not sound:
                pointer = "" if self.breaks("errors point nowhere") else f"{at}/{name}"
                raise Refused("validation_failed", errors=[_error(pointer)])

    # -- what it is ---------------------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _routes(self) -> list[tuple[str, str, Handler, bool]]:
        public = [
            ("GET", "/livez", self.livez),
            ("GET", "/readyz", self.readyz),
            ("GET", "/metrics", self.metrics),
            ("GET", "/openapi.json", self.openapi),
            ("GET", "/docs", self.docs),
            ("GET", "/problems/{}", self.problem_page),
            ("POST", f"{WEBHOOKS}/{{}}", self.receive_webhook),
        ]
        private = [
            ("GET", ORDERS, self.list_orders),
            ("POST", ORDERS, self.create),
            ("GET", f"{ORDERS}/{{}}", self.get),
            ("PATCH", f"{ORDERS}/{{}}", self.patch),
            ("DELETE", f"{ORDERS}/{{}}", self.delete),
            ("POST", f"{ORDERS}/{{}}/cancellation", self.cancel),
        ]
        if self.auth == "jwt":
            public += [
                ("GET", "/.well-known/jwks.json", self.jwks),
                ("POST", f"{AUTH}/register", self.register),
                ("POST", f"{AUTH}/login", self.login),
                ("POST", f"{AUTH}/refresh", self.refresh),
            ]
            private += [
                ("POST", f"{AUTH}/logout", self.logout),
                ("GET", ME, self.me),
                ("DELETE", ME, self.erase),
                ("GET", f"{ME}/export", self.export),
                ("GET", "/api/v1/users", self.list_users),
                ("PUT", "/api/v1/users/{}/roles", self.set_roles),
                ("PATCH", "/api/v1/users/{}", self.patch_user),
                ("PUT", f"{ME}/password", self.change_password),
            ]
        return [(*route, True) for route in public] + [(*route, False) for route in private]

    def _document(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for method, path, handler, public in self.routes:
            if path.startswith("/api/"):
                name = path.replace("{}", "{id}")
                operation = self._operation(method, name, handler.__name__, public)
                paths.setdefault(name, {})[method.lower()] = operation
        if self.breaks("a route is not documented"):
            del paths[f"{ORDERS}/{{id}}/cancellation"]
        schemes = {"signature": {"type": "apiKey", "in": "header", "name": "webhook-signature"}}
        schemes |= {"bearer": self.scheme} if self.auth == "jwt" else {}
        return {
            "openapi": "3.0.3" if self.breaks("the document is 3.0") else "3.1.0",
            "info": {"title": "Reference", "version": "1", "description": "A test double"},
            "paths": paths,
            "components": {
                "schemas": {"Body": {"type": "object"} | self._example()},
                "responses": {"Problem": {"content": {"application/problem+json": {}}}},
                "securitySchemes": schemes,
            },
        }

    def _example(self) -> dict[str, Any]:
        return {} if self.breaks("bodies have no examples") else {"examples": [{"note": "n"}]}

    def _operation(self, method: str, path: str, name: str, public: bool) -> dict[str, Any]:
        statuses = {400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 500, 503}
        if self.breaks("409 is not documented"):
            statuses.remove(409)
        if self.breaks("429 is not documented"):
            statuses.remove(429)
        target = "#/components/responses/" + (
            "None" if self.breaks("a reference dangles") else "Problem"
        )
        responses: dict[str, Any] = {str(status): {"$ref": target} for status in sorted(statuses)}
        responses |= {status: {"description": "good"} for status in ("200", "201", "204", "304")}
        operation: dict[str, Any] = {
            "operationId": "same" if self.breaks("operations share an id") else name,
            "summary": name,
            "description": f"{name}; publishes order.placed"
            if self.tells_of_queue and name == "create"
            else name,
            "tags": ["all"],
            "responses": responses,
        }
        if self.breaks("operations have no summary"):
            del operation["summary"]
        if method in ("POST", "PATCH", "PUT") and not path.endswith("cancellation"):
            schema = {"$ref": "#/components/schemas/Body"}
            operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        if self.auth == "jwt" and not public and not self.breaks("security is not documented"):
            operation["security"] = [{"bearer": []}]
        if path.startswith(WEBHOOKS):
            operation["security"] = [{"signature": []}]
        return operation


def _always(reply: Reply) -> Handler:
    async def handler(_: Asked) -> Reply:
        return reply

    return handler


def _change(order: dict[str, Any], **changes: Any) -> None:
    order.update(changes)
    order["version"] += 1
    order["updated_at"] = _now()


def _shown(order: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in order.items() if name not in ("owner", "version")}


def _tag(order: dict[str, Any]) -> str:
    return f'"{order["version"]}"'


def _the(user: dict[str, Any] | None) -> dict[str, Any]:
    assert user
    return user


def _expect_admin(asked: Asked) -> None:
    if "admin" not in _the(asked.user)["roles"]:
        raise Refused("permission_denied")


def _expect_members(
    body: Any,
    known: set[str],
    *,
    required: set[str] | None = None,
    partial: bool = False,
    at: str = "",
) -> None:
    wrong = set(body) - known
    wrong |= set() if partial else (known if required is None else required) - set(body)
    if wrong:
        raise Refused(
            "validation_failed", errors=[_error(f"{at}/{name}") for name in sorted(wrong)]
        )


def _error(pointer: str) -> dict[str, str]:
    return {"pointer": pointer, "code": "invalid", "detail": "is not valid"}


def _text(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 1 <= len(value) <= most and value.isprintable()


def _currency(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[A-Z]{3}", value))


def _note(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= 500)


def _is_price(value: Any) -> bool:
    try:
        price = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        return False
    return price.is_finite() and 0 <= price < 10**9 and price == round(price, 2)


def _hashed(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _uuid7() -> str:
    stamp = time.time_ns() // 1_000_000
    return str(
        uuid.UUID(
            int=stamp << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
        )
    )


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
