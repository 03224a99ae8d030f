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
from scaffold.project.plan import Subject, Upgrade
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
    """How an upgrade is to be carried out."""

    assignments: Sequence[str]
    defaults: bool = False
    yes: bool = False
    dry_run: bool = False
    as_json: bool = False

    @property
    def asking(self) -> bool:
        """Whether there is somebody to ask."""
        return not (self.defaults or self.as_json) and console.is_terminal()


def carry_out(subject: Subject, target: str, options: Options) -> int:
    """Show what it takes to reach the commit `target`, and do it unless told otherwise.

    Returns:
        1 when something is left for the user to decide, else 0.
    """
    ask = _ask if options.asking else None
    upgrade = subject.plan(target, answers.assigned(options.assignments), ask)
    if not upgrade.changes:
        return report_nothing(subject, "has all of that already", options.as_json)
    if not options.as_json:
        _show(upgrade)
    if options.dry_run:
        if options.as_json:
            print_json({**_facts(upgrade), "applied": False})
        else:
            console.say("\nNothing was written.")
        return 0
    if options.asking and not options.yes:
        _agree()
    subject.repository.apply(upgrade.changes, upgrade.after.version)
    if caution := subject.keep_bundle():
        console.warn(caution)
    if options.as_json:
        print_json({**_facts(upgrade), "applied": True})
    else:
        _conclude(upgrade)
    return _NEEDS_THE_USER if upgrade.needs_the_user else 0


def report_nothing(subject: Subject, what: str, as_json: bool) -> int:
    """Tell that there is nothing to do."""
    if as_json:
        print_json({"from": subject.version, "to": subject.version, "applied": False, "files": {}})
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


def _show(upgrade: Upgrade) -> None:
    old, new = upgrade.before.version, upgrade.after.version
    print(new if old == new else f"{old} → {new}")
    for title, lines in (
        ("News", upgrade.notes.strip().splitlines()),
        ("Answers", list(_answers(upgrade))),
        ("Settings", list(_settings(upgrade))),
        ("Files", list(_files(upgrade))),
        ("To do by hand", _numbered(upgrade.steps)),
    ):
        if lines:
            print(f"\n{title}")
            print("\n".join(f"  {line}".rstrip() for line in lines))


def _answers(upgrade: Upgrade) -> Iterator[str]:
    for name, (old, new) in upgrade.answers.items():
        if old is None:
            yield f"{name}: {new} (a new question)"
        elif new is None:
            yield f"{name}: {old} is forgotten: the question is gone"
        else:
            yield f"{name}: {old} → {new}"


def _settings(upgrade: Upgrade) -> Iterator[str]:
    old, new = upgrade.before.settings, upgrade.after.settings
    yield from (f"{name} is new" for name in sorted(new - old))
    yield from (f"{name} is gone" for name in sorted(old - new))


def _files(upgrade: Upgrade) -> Iterator[str]:
    width = max(map(len, _TOLD.values()))
    for outcome, told in _TOLD.items():
        for change in upgrade.having(outcome):
            if change.path != answers.ANSWERS_FILE:
                reason = f" ({change.reason})" if change.reason else ""
                yield f"{told:{width}}  {change.path}{reason}"


def _numbered(steps: Sequence[str]) -> list[str]:
    """The steps with their numbers, and further lines below the text."""
    numbered = (f"{f'{number}.':4}{step}" for number, step in enumerate(steps, start=1))
    return [line for step in numbered for line in step.replace("\n", "\n    ").split("\n")]


def _conclude(upgrade: Upgrade) -> None:
    counts = [
        f"{len(found)} {told}"
        for outcome, told in _TOLD.items()
        if (found := [c for c in upgrade.having(outcome) if c.path != answers.ANSWERS_FILE])
    ]
    console.say(f"\nDone: {', '.join(counts)}.")
    conflicts = upgrade.having(Outcome.CONFLICT)
    steps = ["git diff --cached", f"git commit -m {shlex.quote(_message(upgrade))}"]
    if conflicts:
        console.say("\nIn each file in conflict, join both sides by hand (`git mergetool` helps).")
        steps = ["git mergetool", "scaffold update --finish", "git commit"]
    console.say("\nNext:\n" + "\n".join(f"  {step}" for step in steps))
    console.say("\nTo take it all back:\n  scaffold update --abort")


def _message(upgrade: Upgrade) -> str:
    """What a commit of it could say."""
    if upgrade.before.version != upgrade.after.version:
        return f"Update to {upgrade.after.version}"
    return "Change " + ", ".join(f"{name} to {new}" for name, (_, new) in upgrade.answers.items())


def _facts(upgrade: Upgrade) -> dict[str, Any]:
    old, new = upgrade.before, upgrade.after
    return {
        "from": old.version,
        "to": new.version,
        "answers": {
            name: {"from": before, "to": after} for name, (before, after) in upgrade.answers.items()
        },
        "settings": {
            "added": sorted(new.settings - old.settings),
            "removed": sorted(old.settings - new.settings),
        },
        "files": {
            str(outcome): [
                {"path": change.path, **({"reason": change.reason} if change.reason else {})}
                for change in upgrade.having(outcome)
            ]
            for outcome in Outcome
        },
        "notes": upgrade.notes,
        "steps": list(upgrade.steps),
    }
