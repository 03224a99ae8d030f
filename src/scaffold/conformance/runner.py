"""Runs checks against one service, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from scaffold.conformance import checks as _checks  # noqa: F401  # importing it fills CHECKS
from scaffold.conformance.accounts import ME
from scaffold.conformance.core import CHECKS, Check, Result
from scaffold.conformance.discovery import discovered
from scaffold.conformance.service import Options, Service
from scaffold.conformance.verdicts import Failure, Skip, Verdict
from scaffold.terminal.errors import Problem


def selected(only: Sequence[str]) -> list[Check]:
    """The checks of the checklist ids in `only`; all of them when it is empty.

    Raises `Problem` for an id that no check has.
    """
    known = ids()
    wanted = {item.upper() for item in only}
    for item in only:
        if item.upper() not in known:
            raise Problem(f"there is no check '{item}'", f"the ids are {', '.join(known)}")
    return [check for check in CHECKS if not wanted or check.id in wanted]


def ids() -> list[str]:
    """The checklist ids that have a check, in the order of their numbers."""
    return sorted({check.id for check in CHECKS}, key=_by_number)


async def run(
    options: Options,
    checks: Sequence[Check],
    *,
    started: Callable[[Check], None] = lambda _: None,
    ended: Callable[[Result], None] = lambda _: None,
    notify: Callable[[str], None] = lambda _: None,
) -> list[Result]:
    """Run `checks` against the service at `options.url`.

    Raises `Problem` when no such service answers.
    """
    results = []
    async with discovered(options, notify) as service:
        for check in checks:
            started(check)
            result = await _tried(check, service)
            ended(result)
            results.append(result)
        await _leave(service)
    return results


async def _tried(check: Check, service: Service) -> Result:
    begun = time.perf_counter()
    verdict: Verdict = "passed"
    detail = ""
    try:
        await check.run(service)
    except Failure as failure:
        verdict, detail = "failed", str(failure)
    except Skip as skip:
        verdict, detail = "skipped", str(skip)
    except Problem:
        raise
    except Exception as error:  # noqa: BLE001  # an odd answer can break anything that reads it
        verdict, detail = "failed", f"an answer has another shape than the contract's: {error!r}"
    return Result(check, verdict, detail, time.perf_counter() - begun)


async def _leave(service: Service) -> None:
    """Erase the accounts that this run has registered, as far as the service allows it."""
    for account in service.registered:
        await service.request("DELETE", ME, account, headers={"If-Match": "*"}, patient=False)


def _by_number(item: str) -> tuple[str, int]:
    area, _, number = item.rpartition("-")
    return area, int(number)
