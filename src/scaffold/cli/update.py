"""`scaffold update`: a newer release of the template, merged into what the team has made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaffold.cli import preview
from scaffold.cli.preview import AsJson, Assignments, Defaults, DryRun, Folder, Remote, Yes
from scaffold.git.journal import Transaction
from scaffold.git.worktree import Worktree
from scaffold.project import plan
from scaffold.template.answers import ANSWERS_FILE
from scaffold.terminal import console
from scaffold.terminal.errors import Problem

_BEHIND = 1
_UNRESOLVED = 1


def update(
    folder: Folder = Path(),
    to: Annotated[
        str | None, typer.Option(help="Go to this release or commit.", metavar="REF")
    ] = None,
    remote: Remote = False,
    assignments: Assignments = None,
    defaults: Defaults = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether the project is behind: exit code 1.")
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Check that nothing is left to resolve.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Give back the state before the unfinished update.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Update a project, or raise a `Problem` and leave it as it was."""
    if finish + abort + check + dry_run > 1:
        raise Problem(
            "--check, --dry-run, --finish and --abort exclude each other", "give one of them"
        )
    if abort:
        return _abort(folder)
    if finish:
        return _finish(folder)
    with plan.opened(folder, remote=remote) as project:
        target = project.target(to)
        if check:
            return _check(project, target, as_json=as_json)
        if target == project.commit and not assignments:
            return preview.report_nothing(project, f"is at {project.version} already", as_json)
        options = preview.Options(assignments or [], defaults, yes, dry_run, as_json)
        return preview.carry_out(project, target, options)


def _check(project: plan.ExistingProject, target: str, *, as_json: bool) -> int:
    is_behind = target != project.commit
    newest = project.describe(target)
    if as_json:
        preview.print_json({"version": project.version, "newest": newest, "behind": is_behind})
    elif is_behind:
        console.say(f"The project is at {project.version}; there is {newest}.")
    else:
        console.say(f"The project is at {newest}, the newest release.")
    return _BEHIND if is_behind else 0


def _abort(folder: Path) -> int:
    kept = Transaction(Worktree(folder)).abort()
    console.say("Everything is as it was before the update.")
    if kept:
        console.say(f"What the update had written is kept as the commit {kept}.")
    return 0


def _finish(folder: Path) -> int:
    transaction = Transaction(Worktree(folder))
    journal = transaction.journal()
    if journal is None:
        raise Problem("there is no unfinished update", "`scaffold update` begins one")
    if not journal.settled:
        raise Problem(
            f"the update to {journal.version} was cut off half way",
            "`scaffold update --abort` gives back the state before it",
        )
    recorded = plan.recorded(folder)["_commit"]
    if recorded != journal.version:
        raise Problem(
            f"{ANSWERS_FILE} says {recorded}, not {journal.version}",
            f"`git checkout --theirs {ANSWERS_FILE}`",
        )
    if unresolved := transaction.unresolved(journal):
        console.say("To resolve:\n" + "\n".join(f"  {path}" for path in unresolved))
        return _UNRESOLVED
    transaction.finish()
    console.say(f"The update to {journal.version} is finished. Commit it, if you have not yet.")
    return 0
