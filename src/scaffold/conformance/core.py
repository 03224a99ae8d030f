"""A check of the suite, and its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scaffold.conformance.service import Service
from scaffold.conformance.verdicts import Skip, Verdict

Body = Callable[[Service], Awaitable[None]]


@dataclass(frozen=True)
class Check:
    """One rule of the contract.

    `id` is the checklist item, `rule` the rule in one line, `name` the name of the function.
    """

    id: str
    rule: str
    name: str
    run: Body


@dataclass(frozen=True)
class Result:
    """How one check ended. `detail` is empty when it passed; `seconds` is wall clock."""

    check: Check
    verdict: Verdict
    detail: str
    seconds: float


CHECKS: list[Check] = []
"""Every check, in the order of a run; filled by importing `scaffold.conformance.checks`."""


def check(item: str, rule: str, *, accounts: bool = False) -> Callable[[Body], Body]:
    """Register the decorated coroutine function as a check of the checklist item `item`.

    With `accounts` the check is skipped for services without authentication.
    """

    def enter(body: Body) -> Body:
        async def with_accounts(service: Service) -> None:
            if service.auth == "none":
                raise Skip("does not apply: the service has no accounts")
            await body(service)

        run = with_accounts if accounts else body
        CHECKS.append(Check(item, rule, body.__name__, run))
        return body

    return enter
