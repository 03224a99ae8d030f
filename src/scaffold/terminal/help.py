"""Formats `--help` as plain text: quick to import, and coloured by the same rules as all output."""

from __future__ import annotations

import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

from scaffold.terminal import console

_SHARED = "--color"
"""The option of `scaffold` itself that every command takes as well."""


class Command(TyperCommand):
    """One command of the command line."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _without_coercion(super().get_help_option(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] URL [PATH] [NAME=VALUE]...`."""
        return ["[OPTIONS]", *(_argument(p) for p in self.get_params(ctx) if _is_argument(p))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options in their panels."""
        shared = [p for p in ctx.parent.command.params if _SHARED in p.opts]
        _write_parameters([*self.get_params(ctx), *shared], ctx, formatter)


class Group(TyperGroup):
    """The command line as a whole."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _without_coercion(super().get_help_option(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of Typer
        """`[OPTIONS] COMMAND …`."""
        return ["[OPTIONS] COMMAND ..."]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        commands = [(_name(name), _summary(command)) for name, command in self.commands.items()]
        _write_section("Commands", commands, formatter)
        _write_parameters(self.get_params(ctx), ctx, formatter)


def _without_coercion(flag: Any) -> Any:
    """A flag with a default: without one, Typer imports pydantic to coerce None."""
    flag.default = False
    return flag


def _write_parameters(parameters: list[Any], ctx: Any, formatter: Any) -> None:
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is None:  # it is hidden
            continue
        if _is_argument(parameter):
            panels["Arguments"].append((_name(parameter.metavar), record[1]))
        else:
            panel = panels.setdefault(parameter.rich_help_panel or "Options", [])
            panel.append((_option(parameter), record[1]))
    for title, rows in panels.items():
        _write_section(title, rows, formatter)


def _write_section(title: str, rows: list[tuple[str, str]], formatter: Any) -> None:
    if rows:
        with formatter.section(console.painted(title, "bold", stream=sys.stdout)):
            formatter.write_dl(rows)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _argument(parameter: Any) -> str:
    name = parameter.metavar if parameter.required else f"[{parameter.metavar}]"
    return name if parameter.nargs == 1 else f"{name}..."


def _option(parameter: Any) -> str:
    """`-y, --yes`, `--to REF`, `--worker / --no-worker`."""
    names = ", ".join(sorted(parameter.opts, key=len))
    opposite = f" / {', '.join(parameter.secondary_opts)}" if parameter.secondary_opts else ""
    value = f" {parameter.metavar}" if parameter.metavar else ""
    return _name(names + opposite) + value


def _summary(command: Any) -> str:
    return str(command.help).partition("\n\n")[0]


def _name(name: str) -> str:
    return console.painted(name, "cyan", stream=sys.stdout)
