"""Checks with lasting effects: an erased account, a rate limit that is used up. Always last."""

from __future__ import annotations

from dataclasses import replace

from scaffold.conformance import expect
from scaffold.conformance.accounts import (
    LOGIN,
    ME,
    admin,
    login,
    member,
    new_email,
    new_password,
    newcomer,
    post_credentials,
    refresh,
    stranger,
)
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import place
from scaffold.conformance.service import Account, Answer, Service
from scaffold.conformance.verdicts import Skip

MOST_LOGINS = 100
MOST_FAILURES = 30
MOST_REQUESTS = 1000
USERS = "/api/v1/users"
MADE_UP = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
}


@check(
    "SEC-12",
    "DELETE /users/me erases the caller: neither its tokens nor its password count",
    accounts=True,
)
async def the_caller_can_be_erased(service: Service) -> None:
    by = await stranger(service)
    await place(service, by)
    session = await login(service, by)
    tag = expect.header(await service.get(ME, session), "ETag")
    expect.status(await service.request("DELETE", ME, session, headers={"If-Match": tag}), 204)
    service.registered[:] = [one for one in service.registered if one.email != by.email]
    expect.problem(await service.get(ME, session), 401, "unauthenticated")
    expect.problem(await refresh(service, session.refresh), 401)
    expect.problem(
        await post_credentials(service, LOGIN, by.email, by.password), 401, "invalid_credentials"
    )


@check("SEC-5", "a new password replaces the old one and ends all sessions", accounts=True)
async def passwords_can_be_changed(service: Service) -> None:
    by = await newcomer(service)
    wrong = {"current_password": new_password(), "new_password": new_password()}
    answer = await service.request("PUT", f"{ME}/password", by, json=wrong)
    expect.problem(answer, 401, "invalid_credentials")
    right = wrong | {"current_password": by.password}
    expect.status(await service.request("PUT", f"{ME}/password", by, json=right), 204)
    expect.problem(await service.get(ME, by), 401, "unauthenticated")
    old = await post_credentials(service, LOGIN, by.email, by.password)
    expect.problem(old, 401, "invalid_credentials")
    await _erase(service, replace(by, password=right["new_password"]))


@check("SEC-6", "a disabled user is logged out and cannot log in", accounts=True)
async def users_can_be_disabled(service: Service) -> None:
    manager, by = await admin(service), await newcomer(service)
    await _set_disabled(service, manager, by, disabled=True)
    expect.problem(await service.get(ME, by), 401, "unauthenticated")
    answer = await post_credentials(service, LOGIN, by.email, by.password)
    expect.problem(answer, 401, "invalid_credentials")
    await _set_disabled(service, manager, by, disabled=False)
    await _erase(service, by)


@check(
    "SEC-5",
    "failed logins lock an account, and no other account of the same address",
    accounts=True,
)
async def failed_logins_lock_one_account(service: Service) -> None:
    by, other = await newcomer(service), await newcomer(service)
    for _ in range(MOST_FAILURES):
        answer = await post_credentials(service, LOGIN, by.email, new_password())
        if answer.status == 429:
            break
    expect.problem(answer, 429, "rate_limited")
    expect.problem(
        await post_credentials(service, LOGIN, by.email, by.password), 429, "rate_limited"
    )
    await _erase(service, other)


@check("API-7", "RateLimit-Remaining goes down with each request")
async def the_budget_goes_down(service: Service) -> None:
    by = await member(service)
    # A new window may begin between two requests: then the next pair shows it.
    for _ in range(3):
        first, second = [await service.get(ORDERS, by, patient=False) for _ in range(2)]
        if second.status == 429 or _left(second) < _left(first):
            return
    expect.that(False, f"less than {_left(first)} requests left", _left(second), second)


@check("API-7", "a caller over its limit gets 429 with Retry-After; login has a stricter limit")
async def budgets_end(service: Service) -> None:
    last = await _spent(service)
    expect.problem(last, 429, "rate_limited")
    wait = expect.header(last, "Retry-After")
    expect.that(wait.isdecimal() and int(wait) > 0, "Retry-After in seconds", wait, last)
    if service.auth != "none":
        general = await service.get(ORDERS, await member(service), patient=False)
        strict, wide = _limit(last), _limit(general)
        expect.that(strict < wide, f"a stricter budget than {wide}", strict, last)


@check("SEC-7", "a forged X-Forwarded-For does not reset the rate limit")
async def made_up_addresses_get_no_budget(service: Service) -> None:
    expect.status(await _spent(service), 429)
    for header, made_up in MADE_UP.items():
        answer = await _try(service, {header: made_up})
        if answer.status != 429:
            # A new window may have begun meanwhile: once that is spent, there is no excuse.
            await _spend(service)
            answer = await _try(service, {header: made_up})
        expect.status(answer, 429)


async def _set_disabled(
    service: Service, manager: Account, user: Account, *, disabled: bool
) -> None:
    path, body = f"{USERS}/{user.id}", {"disabled": disabled}
    answer = await service.request("PATCH", path, manager, json=body, headers={"If-Match": "*"})
    expect.status(answer, 200)
    expect.that(answer.json().get("disabled") is disabled, str(disabled), answer.json(), answer)


async def _erase(service: Service, by: Account) -> None:
    """Log in and erase the account, which nothing needs any more."""
    session = await login(service, by)
    expect.status(await service.request("DELETE", ME, session, headers={"If-Match": "*"}), 204)
    service.registered[:] = [one for one in service.registered if one.email != by.email]


async def _spent(service: Service) -> Answer:
    return await service.once("spent", lambda: _spend(service))


async def _spend(service: Service) -> Answer:
    answer = await _try(service)
    most = MOST_REQUESTS if service.auth == "none" else MOST_LOGINS
    if answer.status != 429 and _left(answer) > most:
        raise Skip(f"would take more than {most} requests: {_limit(answer)} are allowed")
    for _ in range(most):
        if answer.status == 429:
            break
        answer = await _try(service)
    return answer


async def _try(service: Service, headers: dict[str, str] | None = None) -> Answer:
    """One request against the rate limit of logins, or of the address when there are no logins."""
    if service.auth == "none":
        return await service.get(ORDERS, params={"limit": "1"}, headers=headers, patient=False)
    body = {"email": new_email(), "password": new_password()}
    return await service.post(LOGIN, json=body, headers=headers, patient=False)


def _left(answer: Answer) -> int:
    return int(expect.header(answer, "RateLimit-Remaining"))


def _limit(answer: Answer) -> int:
    return int(expect.header(answer, "RateLimit-Limit"))
