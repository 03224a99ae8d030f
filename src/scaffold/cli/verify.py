"""`scaffold verify`: the conformance suite against a running service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from scaffold.terminal import console, signals
from scaffold.terminal.errors import Problem

_ACCOUNTS = "Accounts"


def _checks() -> list[str]:
    """The ids that `--only` takes. Importing the suite takes time: only completion does it here."""
    from scaffold.conformance.runner import ids

    return ids()


def verify(
    url: Annotated[str, typer.Argument(help="The address of the service.", metavar="URL")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Run only the checks of this item, for example API-9. Repeat it for more.",
            metavar="ID",
            autocompletion=_checks,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[
        Path | None, typer.Option(help="Write a JUnit report.", metavar="FILE")
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="How long to wait for one response.", metavar="SECONDS")
    ] = 10.0,
    rows: Annotated[
        int, typer.Option(help="How many orders the pagination check reads.", metavar="N")
    ] = 120,
    max_body_bytes: Annotated[
        int, typer.Option(help="The MAX_BODY_BYTES of the service.", metavar="N")
    ] = 1024 * 1024,
    cors_origin: Annotated[
        str | None, typer.Option(help="An origin that the service allows.", metavar="ORIGIN")
    ] = None,
    metrics_url: Annotated[
        str | None,
        typer.Option(help="The address of /metrics, if it has its own port.", metavar="URL"),
    ] = None,
    signing_key: Annotated[
        Path | None,
        typer.Option(
            help="The private key of the service, to sign expired and foreign tokens with.",
            metavar="FILE",
        ),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(
            help="The account of a member, if registration is closed. The password is read from "
            "VERIFY_PASSWORD, or asked for.",
            envvar="VERIFY_EMAIL",
            rich_help_panel=_ACCOUNTS,
            metavar="ADDRESS",
        ),
    ] = None,
    admin_email: Annotated[
        str | None,
        typer.Option(
            help="An admin, for what only admins may do. The password is read from "
            "VERIFY_ADMIN_PASSWORD, or asked for.",
            envvar="VERIFY_ADMIN_EMAIL",
            rich_help_panel=_ACCOUNTS,
            metavar="ADDRESS",
        ),
    ] = None,
) -> int:
    """Check a running service.

    Returns:
        `ExitCode.NEEDS_USER` when a check failed, else `ExitCode.OK`.
    """
    password = _password(email, "VERIFY_PASSWORD")
    admin_password = _password(admin_email, "VERIFY_ADMIN_PASSWORD")
    from scaffold.conformance import cli

    return cli.verify(
        url,
        only=only or (),
        json=as_json,
        junit=junit,
        timeout=timeout,
        rows=rows,
        max_body_bytes=max_body_bytes,
        email=email,
        password=password,
        admin_email=admin_email,
        admin_password=admin_password,
        cors_origin=cors_origin,
        metrics_url=metrics_url,
        signing_key=signing_key,
    )


def _password(email: str | None, variable: str) -> str | None:
    """The password of an account: from the environment, else typed on the terminal.

    Raises:
        Problem: there is neither.
    """
    password = os.environ.get(variable)
    if password or not email:
        return password
    if not console.is_terminal():
        raise Problem(f"the password of {email} is missing", f"set {variable}")
    from getpass import getpass

    try:
        return getpass(f"Password of {email}: ", stream=sys.stderr)
    except signals.Interrupted:
        console.say()  # the error starts on a line of its own
        raise
