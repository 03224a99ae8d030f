"""What `update`, `change` and `diff` have in common: show the plan, agree on it, carry it out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scaffold.git.merge import Outcome
from scaffold.project.plan import ExistingProject, Plan
from scaffold.template import answers
from scaffold.template.questions import Questionnaire
from scaffold.terminal import console
from scaffold.terminal.errors import Problem

Folder = Annotated[Path, typer.Argument(help="The folder of the project.", metavar="[PATH]")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="Give one answer.", metavar="NAME=VALUE")
]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Ask nothing: take the defaults for new questions.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead without asking.")]
Remote = Annotated[
    bool, typer.Option("--remote", help="Ask the template's own repository, not this scaffold.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, ask nothing.")]

_NEEDS_THE_USER = 1
_TOLD = {
    Outcome.ADDED: "added",
    Outcome.CHANGED: "changed",
    Outcome.MERGED: "merged",
    Outcome.MOVED: "moved",
    Outcome.REMOVED: "removed",
    Outcome.ABSENT: "left out",
    Outcome.KEPT: "kept",
    Outcome.CONFLICT: "in conflict",
}


@dataclass(frozen=True)
class Options:
    """How an plan is to be carried out."""

    assignments: Sequence[str]
    defaults: bool = False
    yes: bool = False
    dry_run: bool = False
    as_json: bool = False

    @property
    def asking(self) -> bool:
        """Whether there is somebody to ask."""
        return not (self.defaults or self.as_json) and console.is_terminal()


def carry_out(project: ExistingProject, target: str, options: Options) -> int:
    """Show what it takes to reach the commit `target`, and do it unless told otherwise.

    Returns:
        1 when something is left for the user to decide, else 0.
    """
    ask = _ask if options.asking else None
    plan = project.plan(target, answers.assigned(options.assignments), ask)
    if not plan.changes:
        return report_nothing(project, "has all of that already", options.as_json)
    if not options.as_json:
        _show(plan)
    if options.dry_run:
        if options.as_json:
            print_json({**_facts(plan), "applied": False})
        else:
            console.say("\nNothing was written.")
        return 0
    if options.asking and not options.yes:
        _agree()
    project.apply(plan)
    if caution := project.keep_bundle():
        console.warn(caution)
    if options.as_json:
        print_json({**_facts(plan), "applied": True})
    else:
        _conclude(plan)
    return _NEEDS_THE_USER if plan.needs_the_user else 0


def report_nothing(project: ExistingProject, what: str, as_json: bool) -> int:
    """Tell that there is nothing to do."""
    if as_json:
        print_json({"from": project.version, "to": project.version, "applied": False, "files": {}})
    else:
        console.say(f"The project {what}; nothing was written.")
    return 0


def print_json(data: Mapping[str, Any]) -> None:
    """Print data for programs on stdout."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _ask(
    questionnaire: Questionnaire, given: Mapping[str, Any], reasons: Mapping[str, str]
) -> Mapping[str, Any]:
    from scaffold.interview import dialogue

    return dialogue.complete(questionnaire, given, reasons, asker=dialogue.asker())


def _agree() -> None:
    from scaffold.interview import dialogue

    if not dialogue.agree("Go ahead?", asker=dialogue.asker()):
        raise Problem("nothing was written", "run the command again when you like")


def _show(plan: Plan) -> None:
    old, new = plan.before.version, plan.after.version
    print(new if old == new else f"{old} → {new}")
    for title, lines in (
        ("News", plan.notes.strip().splitlines()),
        ("Answers", list(_answers(plan))),
        ("Settings", list(_settings(plan))),
        ("Files", list(_files(plan))),
        ("To do by hand", _numbered(plan.steps)),
    ):
        if lines:
            print(f"\n{title}")
            print("\n".join(f"  {line}".rstrip() for line in lines))


def _answers(plan: Plan) -> Iterator[str]:
    for name, (old, new) in plan.answers.items():
        if old is None:
            yield f"{name}: {new} (a new question)"
        elif new is None:
            yield f"{name}: {old} is forgotten: the question is gone"
        else:
            yield f"{name}: {old} → {new}"


def _settings(plan: Plan) -> Iterator[str]:
    old, new = plan.before.settings, plan.after.settings
    yield from (f"{name} is new" for name in sorted(new - old))
    yield from (f"{name} is gone" for name in sorted(old - new))


def _files(plan: Plan) -> Iterator[str]:
    width = max(map(len, _TOLD.values()))
    for outcome, told in _TOLD.items():
        for change in plan.having(outcome):
            if change.path != answers.ANSWERS_FILE:
                reason = f" ({change.reason})" if change.reason else ""
                yield f"{told:{width}}  {change.path}{reason}"


def _numbered(steps: Sequence[str]) -> list[str]:
    """The steps with their numbers, and further lines below the text."""
    numbered = (f"{f'{number}.':4}{step}" for number, step in enumerate(steps, start=1))
    return [line for step in numbered for line in step.replace("\n", "\n    ").split("\n")]


def _conclude(plan: Plan) -> None:
    counts = [
        f"{len(found)} {told}"
        for outcome, told in _TOLD.items()
        if (found := [c for c in plan.having(outcome) if c.path != answers.ANSWERS_FILE])
    ]
    console.say(f"\nDone: {', '.join(counts)}.")
    conflicts = plan.having(Outcome.CONFLICT)
    steps = ["git diff --cached", f"git commit -m {shlex.quote(_message(plan))}"]
    if conflicts:
        console.say("\nIn each file in conflict, join both sides by hand (`git mergetool` helps).")
        steps = ["git mergetool", "scaffold update --finish", "git commit"]
    console.say("\nNext:\n" + "\n".join(f"  {step}" for step in steps))
    console.say("\nTo take it all back:\n  scaffold update --abort")


def _message(plan: Plan) -> str:
    """What a commit of it could say."""
    if plan.before.version != plan.after.version:
        return f"Update to {plan.after.version}"
    return "Change " + ", ".join(f"{name} to {new}" for name, (_, new) in plan.answers.items())


def _facts(plan: Plan) -> dict[str, Any]:
    old, new = plan.before, plan.after
    return {
        "from": old.version,
        "to": new.version,
        "answers": {
            name: {"from": before, "to": after} for name, (before, after) in plan.answers.items()
        },
        "settings": {
            "added": sorted(new.settings - old.settings),
            "removed": sorted(old.settings - new.settings),
        },
        "files": {
            str(outcome): [
                {"path": change.path, **({"reason": change.reason} if change.reason else {})}
                for change in plan.having(outcome)
            ]
            for outcome in Outcome
        },
        "notes": plan.notes,
        "steps": list(plan.steps),
    }
