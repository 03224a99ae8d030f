"""`scaffold diff`: the patch that an update or other answers would bring."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from scaffold.cli.change import Project
from scaffold.cli.preview import Remote
from scaffold.git import commands as git
from scaffold.git.merge import File
from scaffold.project import plan
from scaffold.template import answers
from scaffold.terminal import console


def diff(
    assignments: Annotated[
        list[str] | None, typer.Argument(help="Other answers.", metavar="[NAME=VALUE…]")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Compare with this release or commit.", metavar="REF")
    ] = None,
    remote: Remote = False,
    folder: Project = Path(),
) -> None:
    """Print the patch and change nothing. Other answers stay at the same release."""
    with plan.opened(folder, remote=remote) as project:
        stays = assignments and to is None
        target = project.commit if stays else project.target(to)
        planned = project.plan(target, answers.assigned(assignments or []), None)
        before = {change.path: project.worktree.tree.get(change.path) for change in planned.changes}
        after = {change.path: change.file for change in planned.changes}
    patch = git.diff(_contents(before), _contents(after), colour=console.shows_colour())
    sys.stdout.buffer.write(patch)


def _contents(files: Mapping[str, File | None]) -> dict[str, bytes]:
    return {path: file.content for path, file in files.items() if file}
