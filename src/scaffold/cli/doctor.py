"""`scaffold doctor`: what a project needs from this machine, and what is missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from scaffold.cli.preview import Folder, Project, project_folder
from scaffold.doctor import needs
from scaffold.doctor.needs import Finding, Need, Place
from scaffold.doctor.settings import settings
from scaffold.git.journal import TRACE, Transaction
from scaffold.git.worktree import Worktree
from scaffold.source import locate
from scaffold.template.answers import GET_BACK, own_answers, read_answers
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import LANGUAGE_RECORD, STACK_RECORD, Template, load
from scaffold.terminal import console
from scaffold.terminal.errors import ExitCode, Problem

_COLOURS = {"ok": "green", "missing": "red", "optional": "yellow"}


def doctor(
    path: Folder = None,
    folder: Project = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Print one finding a line on stdout.

    Returns:
        `ExitCode.NEEDS_USER` when something that is needed is missing, else `ExitCode.OK`.

    Raises:
        Problem: PATH is not a project, or its answers are not those of this scaffold's template.
    """
    template = load(locate.shipped())
    place = project_folder(path, folder)
    is_named = path is not None or folder is not None
    project = _project(place, template, is_named=is_named)
    facts = _facts(project, template) if project else {}
    here = project or Path.cwd()
    looked = Place(here, settings(_defaults(facts), here))
    findings = [*needs.examine([needs.GIT, *_needs(facts)], looked), *_unfinished(here)]
    ready = all(finding.status != "missing" for finding in findings)
    if as_json:
        told = {"project": str(project) if project else None, "ready": ready}
        console.print_json({**told, "findings": [asdict(finding) for finding in findings]})
    else:
        print("\n".join(map(_line, findings)))
        if project is None:
            console.say("\nThis folder is not a project. Only the needs of scaffold were checked.")
    return ExitCode.OK if ready else ExitCode.NEEDS_USER


def _project(folder: Path, template: Template, *, is_named: bool) -> Path | None:
    """The project in `folder`; None where the user named none and the current folder is not one."""
    if (folder / template.answers_file).is_file():
        return folder.absolute()
    if not is_named:
        return None
    raise Problem(
        f"{folder} is not a project: it has no file {template.answers_file}",
        "give the folder of a service that `scaffold new` created, or leave it out",
    )


def _facts(project: Path, template: Template) -> Mapping[str, Any]:
    """The project's answers, and the facts that this scaffold's template has about them."""
    noted = read_answers(project / template.answers_file, GET_BACK)
    try:
        return Questionnaire(Jinja(template)).answers(own_answers(noted)).context
    except Problem as misfit:
        raise Problem(
            f"the answers of {project} do not fit the template of this scaffold: {misfit.message}",
            "update the project, or use the scaffold version that created it",
        ) from misfit


def _unfinished(folder: Path) -> list[Finding]:
    """An update or a change that was not committed. Git runs only where there is a journal."""
    if not any((above / TRACE).exists() for above in (folder, *folder.parents)):
        return []
    try:
        problem = Transaction(Worktree(folder)).unfinished()
    except Problem:  # without a repository there is no update
        return []
    if problem is None:
        return []
    name, _, detail = problem.message.removeprefix("the ").partition(" ")
    return [Finding(name, "missing", detail, problem.hint)]


def _needs(facts: Mapping[str, Any]) -> list[Need]:
    """The needs of all records that the answers select, in the order of the questions.

    The record of the stack is the fact `stack`; each stack has one under its own name, too.
    """
    records = [
        fact
        for name, fact in facts.items()
        if isinstance(fact, dict) and not name.startswith((STACK_RECORD, LANGUAGE_RECORD))
    ]
    return [need for record in records for need in record.get("needs", ())]


def _defaults(facts: Mapping[str, Any]) -> dict[str, str]:
    """Each variable of the service with its default."""
    if not facts:
        return {}
    listed = facts["stack"]["settings"]
    return {s["name"]: str(s["value"]) for s in listed if facts["use"][s["when"]]}


def _line(finding: Finding) -> str:
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    status = console.painted(f"{finding.status:<9}", _COLOURS[finding.status], stream=sys.stdout)
    return f"{status} {finding.name} {finding.detail}".rstrip() + remedy
