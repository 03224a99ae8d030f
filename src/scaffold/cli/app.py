"""The command line: reads the arguments, runs one command, reports problems."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

from scaffold.terminal import console, signals
from scaffold.terminal.errors import ExitCode, Problem, suggestion
from scaffold.terminal.help import Command, Group


class _Entry(NamedTuple):
    module: str
    help: str


_COMMANDS = {
    "new": _Entry("new", "Create a service in the folder PATH."),
    "update": _Entry(
        "update",
        "Update a project to a newer release of its template.\n\n"
        "The plan is shown first. Edits of the team are merged, never overwritten.",
    ),
    "change": _Entry(
        "update",
        "Change answers of a project, at the same release of its template.\n\n"
        "Without NAME=VALUE, a terminal asks for the new answers. With `--to`, the project is "
        "updated to that release as well.",
    ),
    "diff": _Entry(
        "preview",
        "Print what an update or a change would change, as a patch.\n\n"
        "Without NAME=VALUE it is the update to the newest release; with it, the change at the "
        "same release.",
    ),
    "choices": _Entry("choices", "List the choices, the presets and the proven combinations."),
    "doctor": _Entry("doctor", "Check what a project needs from this machine."),
    "verify": _Entry(
        "verify",
        "Check a running service against the contract.\n\n"
        "The checks create users and orders, delete these users at the end, and use up the login "
        "attempts that one address has in a minute. Run them against a copy of the service, not "
        "against production.",
    ),
}


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code of the process."""
    signals.listen()
    try:
        code = _answered(arguments or ["--help"])
        signals.hold()
    except signals.Interrupted as interruption:
        left = "users and orders of this run may be left in the service"
        hint = left if "verify" in arguments else "nothing was written; run the command again"
        console.tell(Problem("interrupted", hint))
        return interruption.exit_code
    return code


def _answered(arguments: list[str]) -> int:
    try:
        code = _dispatch(_without_color(arguments))
        sys.stdout.flush()  # here, where a reader that has left can be answered
        return code
    except BrokenPipeError:
        # The reader of our output has left (`scaffold choices | head -1`): that is no problem.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        signum = signals.received()
        if signum and not isinstance(error, Problem):
            # The code that was interrupted, or its clean-up, has raised an error of its own.
            raise signals.Interrupted(signum) from error
        problem = _told(error)
        if problem is None:
            raise
        console.tell(problem)
        return problem.exit_code


def _without_color(arguments: Sequence[str]) -> list[str]:
    """The arguments without `--color WHEN`, which may stand anywhere and is followed at once.

    It is read before Typer reads the rest, so that errors of the command line follow it as well.
    """
    console.use_colour("auto")
    rest = []
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif option == "--color":
            console.use_colour(value if equals else next(words, None))
        else:
            rest.append(word)
    return rest


def _dispatch(arguments: list[str]) -> int:
    completes = "_SCAFFOLD_COMPLETE" in os.environ
    if completes:
        from scaffold.interview import completion

        completion.prepare()
    named = arguments[0] if arguments and arguments[0] in _COMMANDS else None
    app = typer.Typer(
        cls=Group,
        help="Generate backend services that are ready for production on the first day.",
        context_settings={
            "help_option_names": ["-h", "--help"],
            "color": console.has_colour(sys.stdout),
        },
        add_completion=completes or named is None,  # its options make Typer import pydantic
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for name, entry in _COMMANDS.items():
        code = _loaded(name, entry) if completes or name == named else _not_loaded
        app.command(name=name, cls=Command, help=entry.help)(code)
    result = app(arguments, prog_name="scaffold", standalone_mode=False)
    return result if isinstance(result, int) else ExitCode.OK


def _loaded(name: str, entry: _Entry) -> Callable[..., Any]:
    module = import_module(f"scaffold.cli.{entry.module}")
    command: Callable[..., Any] = module.command() if name == "new" else vars(module)[name]
    return command


def _not_loaded() -> None:
    """Stands for a command that is not named: importing all of them takes time."""


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.")
    ] = False,
    # Stands here for the help: `run` has read the value. A text would make Typer import pydantic.
    _color: Annotated[
        bool,
        typer.Option(
            "--color", metavar="WHEN", help="When to use colour: auto (default), always or never."
        ),
    ] = False,
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
        "this is a bug in scaffold; SCAFFOLD_DEBUG=1 shows where it happened",
        ExitCode.INTERNAL,
    )


def _mistyped(mistake: Any) -> Problem:
    """A mistake in the command line, as Typer found it, in this tool's own words."""
    message = mistake.format_message().replace("(s)", "s")
    context = mistake.ctx
    if context is None:  # an option without its value
        return Problem(message[:1].lower() + message[1:].rstrip("."), "`--help` shows the usage")
    command = context.command_path
    option = getattr(mistake, "option_name", None)
    if hint := _ELSEWHERE.get((str(context.command.name), str(option))):
        return Problem(f"there is no option {option}", hint)
    if option and option not in (known := _options(context)):
        return Problem(
            f"there is no option {option}",
            suggestion(option, known, sentence=f"the options of `{command}` are"),
        )
    if message.startswith("No such command"):
        word = message.split("'")[1]
        return Problem(
            f"there is no command {word}",
            suggestion(word, _COMMANDS, sentence="the commands are"),
        )
    return Problem(
        f"{message[:1].lower()}{message[1:]}".rstrip("."), f"`{command} --help` shows the usage"
    )


_ELSEWHERE = {
    ("new", "--name"): "the last part of PATH is the name",
    ("verify", "--password"): "set VERIFY_PASSWORD, or type the password on a terminal: other "
    "users of a machine can read its command lines",
    ("verify", "--admin-password"): "set VERIFY_ADMIN_PASSWORD, or type the password on a "
    "terminal: other users of a machine can read its command lines",
}
"""Where the value of an option goes that people expect and that does not exist."""


def _options(context: Any) -> list[str]:
    parameters = context.command.get_params(context)
    options = [option for parameter in parameters for option in parameter.opts]
    return [option for option in options if option[:2] == "--"]
