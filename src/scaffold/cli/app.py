"""The command line: reads what was typed, calls one command, tells problems in words."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Annotated, Any

import typer

from scaffold.terminal import console, signals
from scaffold.terminal.errors import Problem, suggestion

_EXIT_UNEXPECTED = 70  # EX_SOFTWARE
_COMMANDS = {
    "new": "Make a new service in the folder PATH.",
    "update": "Bring a project to a newer release.",
    "change": "Change answers of a project.",
    "diff": "Show what an update or other answers would change.",
    "choices": "Show what can be chosen.",
    "doctor": "Name what a project lacks on this machine.",
    "verify": "Check a running service against the contract.\n\n"
    "It makes users and orders there, erases those users in the end, and spends the logins that "
    "one address may try in a minute: check a copy, not the service that people use.",
}


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code of the process."""
    signals.listen()
    try:
        code = _answered(arguments or ["--help"])
        signals.hold()
    except signals.Interrupted as interruption:
        console.tell(Problem("interrupted", "nothing was written; run the command again"))
        return interruption.exit_code
    return code


def _answered(arguments: list[str]) -> int:
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()  # here, where a reader that has left can be answered
        return code
    except BrokenPipeError:
        # The reader of our output has left (`scaffold choices | head -1`): that is no problem.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        problem = _told(error)
        if problem is None:
            raise
        console.tell(problem)
        return problem.exit_code


def _dispatch(arguments: list[str]) -> int:
    app = typer.Typer(
        help="Generates backend services that are ready for production on the first day.",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    wanted = _wanted(arguments)
    for name, told in _COMMANDS.items():
        app.command(name=name, help=told)(_loaded(name) if name in wanted else _not_loaded)
    code = app(arguments, prog_name="scaffold", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _wanted(arguments: list[str]) -> Collection[str]:
    """The commands whose code is needed: the one that is named, or all to complete a word."""
    if "_SCAFFOLD_COMPLETE" in os.environ:
        return _COMMANDS
    return [word for word in arguments if not word.startswith("-")][:1]


def _loaded(name: str) -> Callable[..., Any]:
    module = import_module(f"scaffold.cli.{name}")
    command: Callable[..., Any] = module.command() if name == "new" else vars(module)[name]
    return command


def _not_loaded() -> None:
    """Stands in for a command that was not asked for: importing all of them takes time."""


def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as version_of

        from scaffold.source.locate import DISTRIBUTION

        try:
            print(f"scaffold {version_of(DISTRIBUTION)}")
        except PackageNotFoundError:
            print("scaffold (not installed)")
        raise typer.Exit


def _told(error: Exception) -> Problem | None:
    """What the user reads of an error; None where SCAFFOLD_DEBUG asks for the traceback."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, typer.TyperException):
        return _mistyped(error)
    if os.environ.get("SCAFFOLD_DEBUG"):
        return None
    return Problem(
        f"scaffold failed: {type(error).__name__}: {' '.join(str(error).split())}",
        "this is a fault of scaffold; SCAFFOLD_DEBUG=1 shows where it happened",
        _EXIT_UNEXPECTED,
    )


def _mistyped(mistake: Any) -> Problem:
    """A mistake in the command line, as Typer found it, in this tool's own words."""
    message = mistake.format_message().replace("(s)", "s")
    context = mistake.ctx
    if context is None:  # an option without its value
        return Problem(message[:1].lower() + message[1:].rstrip("."), "`--help` shows the usage")
    command = context.command_path
    option = getattr(mistake, "option_name", None)
    if option == "--name" and context.command.name == "new":
        return Problem("there is no option --name", "the last part of PATH is the name")
    if option and option not in (known := _options(context.command)):
        return Problem(
            f"there is no option {option}",
            suggestion(option, known, sentence=f"the options of `{command}` are"),
        )
    if message.startswith("No such command"):
        word = message.split("'")[1]
        return Problem(
            f"there is no command {word}",
            suggestion(word, context.command.commands, sentence="the commands are"),
        )
    return Problem(
        f"{message[:1].lower()}{message[1:]}".rstrip("."), f"`{command} --help` shows the usage"
    )


def _options(command: Any) -> list[str]:
    return [
        option for parameter in command.params for option in parameter.opts if option[:2] == "--"
    ]
