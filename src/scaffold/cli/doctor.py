"""`scaffold doctor`: what is missing on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from scaffold.doctor import needs
from scaffold.doctor.needs import Finding, Need, Place
from scaffold.doctor.settings import settings
from scaffold.git.journal import TRACE, Transaction
from scaffold.git.worktree import Worktree
from scaffold.source import locate
from scaffold.template.answers import GET_BACK, own_answers, read_answers
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import Template, load
from scaffold.terminal import console
from scaffold.terminal.errors import Problem


def doctor(
    path: Annotated[
        Path | None,
        typer.Argument(help="The project; without it, the current folder.", metavar="PATH"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Print one finding a line on stdout.

    Returns:
        1 when something that is needed is missing, else 0.

    Raises:
        Problem: PATH is no project, or its answers are not those of this scaffold's template.
    """
    template = load(locate.shipped())
    project = _project(path, template)
    facts = _facts(project, template) if project else {}
    folder = project or Path.cwd()
    place = Place(folder, settings(_defaults(facts), folder))
    findings = [*needs.examine([needs.GIT, *_needs(facts)], place), *_unfinished(folder)]
    ready = all(finding.status != "missing" for finding in findings)
    if as_json:
        told = {"project": str(project) if project else None, "ready": ready}
        print(json.dumps({**told, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        print("\n".join(map(_line, findings)))
        if project is None:
            console.say("\nThis folder is no project: these are the needs of scaffold itself.")
    return 0 if ready else 1


def _project(path: Path | None, template: Template) -> Path | None:
    """The folder of the project; None where none was named and the current folder is not one."""
    folder = (path or Path()).absolute()
    if (folder / template.answers_file).is_file():
        return folder
    if path is None:
        return None
    raise Problem(
        f"{path} is no project: it has no file {template.answers_file}",
        "name the folder that `scaffold new` made, or leave PATH out",
    )


def _facts(project: Path, template: Template) -> Mapping[str, Any]:
    """The project's answers, and the records that this scaffold's template has for them."""
    noted = read_answers(project / template.answers_file, GET_BACK)
    try:
        return Questionnaire(Jinja(template)).answers(own_answers(noted)).context
    except Problem as misfit:
        raise Problem(
            f"the answers of {project} are not those of this scaffold's template: {misfit.message}",
            "use the scaffold that made the project, or update the project first",
        ) from misfit


def _unfinished(folder: Path) -> list[Finding]:
    """An update that somebody began and left. Git is asked only where there are traces of one."""
    if not any((above / TRACE).exists() for above in (folder, *folder.parents)):
        return []
    try:
        problem = Transaction(Worktree(folder)).unfinished()
    except Problem:  # no repository, no update
        return []
    return [Finding("update", "missing", "is not finished", problem.hint)] if problem else []


def _needs(facts: Mapping[str, Any]) -> list[Need]:
    """The needs in all records that the answers led to, in the order of the questions."""
    records = [fact for fact in facts.values() if isinstance(fact, dict)]
    return [need for record in records for need in record.get("needs", ())]


def _defaults(facts: Mapping[str, Any]) -> dict[str, str]:
    """Each variable of the service with its default."""
    if not facts:
        return {}
    listed = facts["stack"]["settings"]
    return {s["name"]: str(s["value"]) for s in listed if facts["use"][s["when"]]}


def _line(finding: Finding) -> str:
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"{finding.status:<9} {finding.name} {finding.detail}".rstrip() + remedy
