"""`scaffold update` and `scaffold change`: another release, other answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from scaffold.cli import preview
from scaffold.cli.preview import (
    AsJson,
    Defaults,
    DryRun,
    Folder,
    Options,
    Plain,
    Project,
    Remote,
    To,
    Words,
    Yes,
    complete_answer,
    path_and_answers,
    project_folder,
)
from scaffold.git.journal import Transaction
from scaffold.git.worktree import Worktree
from scaffold.project import plan
from scaffold.template.answers import ANSWERS_FILE
from scaffold.terminal import console
from scaffold.terminal.errors import ExitCode, Problem

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Give one answer. Repeat it for more.",
        metavar="NAME=VALUE",
        autocompletion=complete_answer,
    ),
]
Finish = Annotated[
    bool, typer.Option("--finish", help="Check that no conflict is left; optional before a commit.")
]
Abort = Annotated[
    bool, typer.Option("--abort", help="Restore the state before; works until you commit.")
]


def update(
    path: Folder = None,
    folder: Project = None,
    to: To = None,
    remote: Remote = False,
    assignments: Assignments = None,
    defaults: Defaults = False,
    plain: Plain = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only report whether there is a newer release.")
    ] = False,
    finish: Finish = False,
    abort: Abort = False,
    as_json: AsJson = False,
) -> int:
    """Update a project, or raise a `Problem` and leave it as it was.

    Returns:
        What `ExitCode` says.
    """
    _exclude(assignments, check=check, dry_run=dry_run, finish=finish, abort=abort)
    place = project_folder(path, folder)
    if abort:
        return _abort(place)
    if finish:
        return _finish(place)
    with plan.opened(place, remote=remote) as project:
        target = project.target(to)
        if check:
            return _check(project, target, as_json=as_json)
        if target == project.commit and not assignments:
            already = f"is at {project.version} already"
            return preview.report_nothing(project, already, as_json=as_json)
        options = Options("update", assignments or [], defaults, plain, yes, dry_run, as_json)
        return preview.carry_out(project, target, options)


def change(
    path: Folder = None,
    words: Words = None,
    folder: Project = None,
    to: To = None,
    remote: Remote = False,
    defaults: Defaults = False,
    plain: Plain = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    finish: Finish = False,
    abort: Abort = False,
    as_json: AsJson = False,
) -> int:
    """Change answers of a project, or raise a `Problem` and leave it as it was.

    Returns:
        What `ExitCode` says.
    """
    path, assignments = path_and_answers(path, words)
    _exclude(assignments, dry_run=dry_run, finish=finish, abort=abort)
    place = project_folder(path, folder)
    if abort:
        return _abort(place)
    if finish:
        return _finish(place)
    options = Options("change", assignments, defaults, plain, yes, dry_run, as_json)
    if not (assignments or options.asks):
        raise Problem(
            "there is no terminal to ask for new answers on"
            if not (defaults or as_json)
            else "there are no new answers",
            "give them, for example `scaffold change database=postgresql`",
        )
    with plan.opened(place, remote=remote) as project:
        target = project.commit if to is None else project.target(to)
        return preview.carry_out(project, target, options, revise=not assignments)


def _exclude(assignments: Sequence[str] | None, **requests: bool) -> None:
    """Refuse two requests at once, and answers with a request that takes none."""
    named = [f"--{name.replace('_', '-')}" for name, requested in requests.items() if requested]
    if len(named) > 1:
        raise Problem(f"{named[0]} and {named[1]} cannot be used together", "give one of them")
    if assignments and named and named != ["--dry-run"]:
        raise Problem(f"{named[0]} takes no answers", f"leave out `{assignments[0]}`")


def _check(project: plan.ExistingProject, target: str, *, as_json: bool) -> int:
    is_behind = target != project.commit
    newest = project.describe(target)
    if as_json:
        console.print_json({"version": project.version, "newest": newest, "behind": is_behind})
    elif is_behind:
        console.say(f"The project is at {project.version}; the newest release is {newest}.")
    else:
        console.say(f"The project is at {newest}, the newest release.")
    return ExitCode.BEHIND if is_behind else ExitCode.OK


def _abort(folder: Path) -> int:
    title, kept = Transaction(Worktree(folder)).abort()
    console.say(f"The state before the {title} is restored.")
    if kept:
        console.say(f"The aborted files are kept in the commit {kept}.")
    return ExitCode.OK


def _finish(folder: Path) -> int:
    transaction = Transaction(Worktree(folder))
    journal = transaction.journal()
    if journal is None:
        console.say("Nothing is unfinished.")
        return ExitCode.OK
    if unresolved := transaction.unresolved(journal):
        files = "\n".join(f"  {path}" for path in unresolved)
        console.say(f"These files are still in conflict:\n{files}")
        return ExitCode.NEEDS_USER
    recorded = plan.recorded(folder)["_commit"]
    if recorded != journal.version:
        raise Problem(
            f"{ANSWERS_FILE} says {recorded}, not {journal.version}",
            f"`git checkout --theirs {ANSWERS_FILE}`",
        )
    if transaction.finish(journal):
        console.say(f"The {journal.title} is finished.")
    else:
        console.say(f"The {journal.title} has no conflict left. Commit it.")
    return ExitCode.OK
