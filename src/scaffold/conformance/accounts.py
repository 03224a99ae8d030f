"""The accounts of a run. There are as few as possible, because logins have a strict rate limit."""

from __future__ import annotations

import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from scaffold.conformance import expect
from scaffold.conformance.service import Account, Answer, Service
from scaffold.conformance.verdicts import Failure, Skip
from scaffold.terminal.errors import Problem

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/users/me"


async def member(service: Service) -> Account:
    """An account without privileges: the given one, else one that is registered for this run."""
    if service.auth == "none":
        return Account()
    if service.options.email and service.options.password:
        return await service.once("member", lambda: _given(service))
    return await service.once("member", lambda: _registered(service))


async def stranger(service: Service) -> Account:
    """A second account without privileges. Raises `Skip` when there can be none."""
    if service.auth == "none":
        raise Skip("does not apply: the service has no accounts")
    if service.options.email:
        raise Skip("needs a second account, and one was given")
    return await service.once("stranger", lambda: _registered(service))


async def newcomer(service: Service) -> Account:
    """An account for one check alone. Raises `Skip` when none can be registered."""
    if service.options.email:
        raise Skip("needs a further account, and one was given")
    return await _registered(service)


async def admin(service: Service) -> Account:
    """The given admin account. Raises `Skip` when none was given."""
    email, password = service.options.admin_email, service.options.admin_password
    if not email or not password:
        raise Skip("needs an admin: --admin-email and VERIFY_ADMIN_PASSWORD")
    return await service.once(
        "admin", lambda: login(service, Account(email=email, password=password))
    )


async def login(service: Service, account: Account) -> Account:
    """The same account in a new session. Raises `Failure` when the login fails."""
    answer = await post_credentials(service, LOGIN, account.email, account.password)
    return with_tokens(account, expect.status(answer, 200))


async def register(service: Service, email: str, password: str, **more: Any) -> Answer:
    """Register an account, with all fields that the OpenAPI document of the service requires."""
    body = dict.fromkeys(_required_to_register(service), "Conformance") | {
        "email": email,
        "password": password,
    }
    return await service.post(REGISTER, json=body | more)


async def post_credentials(service: Service, path: str, email: str, password: str) -> Answer:
    """Send an e-mail address and a password."""
    return await service.post(path, json={"email": email, "password": password})


async def refresh(service: Service, token: str) -> Answer:
    """Request a new pair of tokens."""
    return await service.post(REFRESH, json={"refresh_token": token})


def with_tokens(account: Account, answer: Answer) -> Account:
    """The account with the tokens of a login or refresh answer."""
    return replace(
        account,
        access=expect.member(answer, "access_token", str),
        refresh=expect.member(answer, "refresh_token", str),
    )


def new_email() -> str:
    """An unused e-mail address."""
    return f"conformance-{secrets.token_hex(8)}@example.com"


def new_password() -> str:
    """A password that every rule accepts."""
    return f"Correct-horse-{secrets.token_hex(8)}!7"


async def _registered(service: Service) -> Account:
    email, password = new_email(), new_password()
    answer = await register(service, email, password)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise Problem(
            "the service takes no registrations", "give an account: --email and VERIFY_PASSWORD"
        )
    expect.status(answer, 201)
    account = await login(service, Account(email=email, password=password))
    service.registered.append(account)
    return await _identified(service, account)


async def _given(service: Service) -> Account:
    email, password = service.options.email or "", service.options.password or ""
    try:
        account = await login(service, Account(email=email, password=password))
    except Failure as failure:
        raise Problem(
            f"{email} cannot log in: {failure.got}", "check --email and the password"
        ) from None
    return await _identified(service, account)


async def _identified(service: Service, account: Account) -> Account:
    answer = expect.status(await service.get(ME, account), 200)
    return replace(account, id=expect.member(answer, "id", str))


def _required_to_register(service: Service) -> list[str]:
    document = service.openapi or {}
    try:
        schema = document["paths"][REGISTER]["post"]["requestBody"]["content"]["application/json"][
            "schema"
        ]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return [
            name
            for name in schema["required"]
            if schema["properties"][name].get("type") == "string"
        ]
    except (KeyError, TypeError):
        return []
