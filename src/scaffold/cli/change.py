"""`scaffold change`: other answers at the same release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaffold.cli import preview
from scaffold.cli.preview import AsJson, Defaults, DryRun, Yes
from scaffold.project import plan

Answers = Annotated[list[str], typer.Argument(help="The new answers.", metavar="NAME=VALUE…")]
Project = Annotated[Path, typer.Option("--project", help="The project.", metavar="PATH")]


def change(
    assignments: Answers,
    folder: Project = Path(),
    defaults: Defaults = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Change answers of a project, or raise a `Problem` and leave it as it was."""
    with plan.opened(folder) as project:
        options = preview.Options(assignments, defaults, yes, dry_run, as_json)
        return preview.carry_out(project, project.commit, options)
