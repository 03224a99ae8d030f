"""`scaffold verify`: the conformance suite against a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ACCOUNTS = "Accounts"


def verify(
    url: Annotated[str, typer.Argument(help="Where the service answers.", metavar="URL")],
    only: Annotated[
        list[str] | None, typer.Option(help="Run the checks of this item alone.", metavar="ID")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[
        Path | None, typer.Option(help="Write a JUnit report.", metavar="FILE")
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait for one answer.", metavar="SECONDS")
    ] = 10.0,
    rows: Annotated[
        int, typer.Option(help="Orders that the pagination check walks over.", metavar="N")
    ] = 120,
    max_body_bytes: Annotated[
        int, typer.Option(help="The service's MAX_BODY_BYTES.", metavar="N")
    ] = 1024 * 1024,
    cors_origin: Annotated[
        str | None, typer.Option(help="An origin that the service allows.", metavar="ORIGIN")
    ] = None,
    metrics_url: Annotated[
        str | None, typer.Option(help="Where /metrics is, if elsewhere.", metavar="URL")
    ] = None,
    signing_key: Annotated[
        Path | None,
        typer.Option(help="The service's own key, to forge tokens with.", metavar="FILE"),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(
            help="A member, where nobody can register.",
            envvar="VERIFY_EMAIL",
            rich_help_panel=_ACCOUNTS,
            metavar="ADDRESS",
        ),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(envvar="VERIFY_PASSWORD", rich_help_panel=_ACCOUNTS, metavar="TEXT"),
    ] = None,
    admin_email: Annotated[
        str | None,
        typer.Option(
            help="An admin, for what only admins may do.",
            envvar="VERIFY_ADMIN_EMAIL",
            rich_help_panel=_ACCOUNTS,
            metavar="ADDRESS",
        ),
    ] = None,
    admin_password: Annotated[
        str | None,
        typer.Option(envvar="VERIFY_ADMIN_PASSWORD", rich_help_panel=_ACCOUNTS, metavar="TEXT"),
    ] = None,
) -> None:
    """Check a running service, and leave with 0, or with 1 when a check failed."""
    from scaffold.conformance import cli

    code = cli.verify(
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
    raise typer.Exit(code)
