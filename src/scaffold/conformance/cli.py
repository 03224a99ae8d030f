"""The command behind `scaffold verify`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from scaffold.conformance import report
from scaffold.conformance.core import Check, Result
from scaffold.conformance.runner import run, selected
from scaffold.conformance.service import Options
from scaffold.terminal import console
from scaffold.terminal.errors import ExitCode, Problem


def verify(
    url: str,
    *,
    only: Sequence[str] = (),
    json: bool = False,
    junit: Path | None = None,
    timeout: float = 10.0,
    rows: int = 120,
    max_body_bytes: int = 1024 * 1024,
    email: str | None = None,
    password: str | None = None,
    admin_email: str | None = None,
    admin_password: str | None = None,
    cors_origin: str | None = None,
    metrics_url: str | None = None,
    signing_key: Path | None = None,
) -> int:
    """Check the service at `url`. Returns the exit code: `NEEDS_USER` when a check failed, else 0.

    Progress goes to stderr, the table (with `json` a JSON document) to stdout, a JUnit report to
    the file `junit`. `only` names checklist ids, `timeout` is seconds for one answer, `rows` how
    many orders the pagination check walks over. An account is needed where a service takes no
    registrations, an admin for what only an admin may do; `signing_key` is a PEM file with the
    service's own private key, for tokens that are genuine but expired or meant for others.

    Raises `Problem` when the input is invalid or no such service answers.
    """
    _check_pairs(email, password, admin_email, admin_password)
    if timeout <= 0 or rows < 1 or max_body_bytes < 1:
        raise Problem(
            "timeout, rows and max-body-bytes are above 0", "leave them out for their defaults"
        )
    checks = selected(only)
    _check_writable(junit)
    options = Options(
        url=url,
        timeout=timeout,
        rows=rows,
        max_body=max_body_bytes,
        email=email,
        password=password,
        admin_email=admin_email,
        admin_password=admin_password,
        cors_origin=cors_origin,
        metrics_url=metrics_url,
        signing_key=_read_key(signing_key),
    )
    progress = Progress(sys.stderr, len(checks))
    try:
        results = asyncio.run(
            run(
                options,
                checks,
                started=progress.started,
                ended=progress.ended,
                notify=progress.notify,
            )
        )
    finally:
        progress.close()
    print(report.as_json(results, url) if json else report.as_table(results, url))
    if junit:
        junit.write_bytes(report.as_junit(results, url))
    failed = any(result.verdict == "failed" for result in results)
    return ExitCode.NEEDS_USER if failed else ExitCode.OK


class Progress:
    """Shows which check runs: on a terminal in one line, else in one line for each check."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total
        self._number = 0
        self._terminal = stream.isatty()

    def started(self, check: Check) -> None:
        """Show that a check begins."""
        self._number += 1
        self._doing = f"[{self._number}/{self._total}] {check.id} {check.rule}"
        if self._terminal:
            self._write_over(self._doing)

    def ended(self, result: Result) -> None:
        """Show that a check has ended."""
        if not self._terminal:
            print(f"{self._doing}: {result.verdict}", file=self._stream, flush=True)

    def notify(self, text: str) -> None:
        """Show why something takes long."""
        if self._terminal:
            self._write_over(text)
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Erase the line."""
        if self._terminal:
            self._write_over("")

    def _write_over(self, text: str) -> None:
        console.write_over(text, self._stream)


def _check_pairs(
    email: str | None, password: str | None, admin_email: str | None, admin_password: str | None
) -> None:
    if bool(email) != bool(password):
        raise Problem(
            "an account needs an address and a password", "give --email and VERIFY_PASSWORD"
        )
    if bool(admin_email) != bool(admin_password):
        raise Problem(
            "an admin needs an address and a password",
            "give --admin-email and VERIFY_ADMIN_PASSWORD",
        )


def _check_writable(junit: Path | None) -> None:
    """Fail before the run, not after it."""
    if junit and (junit.is_dir() or not junit.resolve().parent.is_dir()):
        raise Problem(f"cannot write {junit}", "give --junit a file in a folder that exists")


def _read_key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"cannot read {path}: {error}", "give --signing-key a PEM file") from None
    if "PRIVATE KEY" not in text:
        raise Problem(f"{path} has no private key", "give --signing-key a PEM file")
    return text
