"""Assertions. A failure has what was expected, what was received, and the request."""

from __future__ import annotations

from typing import Any

from scaffold.conformance.service import Answer
from scaffold.conformance.verdicts import Failure

PROBLEM = "application/problem+json"
SHORT = 80


def that(holds: bool, expected: str, got: object, answer: Answer | None = None) -> None:
    """Fail unless `holds`."""
    if not holds:
        raise Failure(expected, str(got), answer.line if answer else "")


def status(answer: Answer, *allowed: int) -> Answer:
    """Check that the status is one of `allowed`. Returns the answer."""
    that(answer.status in allowed, " or ".join(map(str, allowed)), answer, answer)
    return answer


def problem(answer: Answer, status: int, *codes: str) -> Answer:
    """Check that the answer is a problem with this status and one of `codes`. Returns it."""
    wanted = f"{status} {' or '.join(codes)}".strip()
    that(
        answer.status == status and answer.code is not None,
        f"{wanted} as {PROBLEM}",
        answer,
        answer,
    )
    that(not codes or answer.code in codes, wanted, answer, answer)
    return answer


def header(answer: Answer, name: str) -> str:
    """The value of a required header."""
    value = answer.headers.get(name)
    that(value is not None, f"a header {name}", "none", answer)
    return str(value)


def member(answer: Answer, name: str, kind: type = object) -> Any:
    """The member `name` of a JSON object, of the type `kind`."""
    body = answer.json()
    that(
        isinstance(body, dict) and name in body,
        f"an object with the member {name!r}",
        _short(body),
        answer,
    )
    that(isinstance(body[name], kind), f"{name!r} as {kind.__name__}", _short(body[name]), answer)
    return body[name]


def pointers(answer: Answer) -> list[str]:
    """The JSON pointers of a validation problem."""
    errors = member(answer, "errors", list)
    return [str(error.get("pointer")) for error in errors if isinstance(error, dict)]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
