"""The plan of an update or a change: how it is shown, agreed on and carried out; and `diff`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scaffold.git import commands as git
from scaffold.git.merge import File, Outcome
from scaffold.interview import completion
from scaffold.project import plan as planning
from scaffold.project.plan import ExistingProject, Plan
from scaffold.source import locate
from scaffold.template import answers
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import load
from scaffold.terminal import console
from scaffold.terminal.errors import ExitCode, Problem


def complete_answer(incomplete: str) -> list[str]:
    """Complete `NAME=VALUE` for a shell."""
    return completion.assignments(load(locate.shipped(), with_facts=False), incomplete)


Folder = Annotated[
    str | None,
    typer.Argument(
        help="The folder of the project. [default: the current folder]",
        metavar="PATH",
        autocompletion=complete_answer,  # bash: what follows `=`; without an answer, file names
    ),
]
Project = Annotated[str | None, typer.Option("--project", help="The same as PATH.", metavar="PATH")]
Words = Annotated[
    list[str] | None,
    typer.Argument(help="New answers.", metavar="NAME=VALUE", autocompletion=complete_answer),
]
To = Annotated[
    str | None, typer.Option("--to", help="A release or a commit of the template.", metavar="REF")
]
Remote = Annotated[
    bool,
    typer.Option("--remote", help="Fetch the template from its own repository, not from scaffold."),
]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Ask nothing; new questions take their defaults.")
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Ask line by line, for screen readers and pipes.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; ask nothing.")]

_LABELS = {
    Outcome.ADDED: ("added", "green"),
    Outcome.CHANGED: ("changed", "cyan"),
    Outcome.MERGED: ("merged", "cyan"),
    Outcome.MOVED: ("moved", "cyan"),
    Outcome.REMOVED: ("removed", "red"),
    Outcome.ABSENT: ("left out", "dim"),
    Outcome.KEPT: ("kept", "yellow"),
    Outcome.CONFLICT: ("in conflict", "red"),
}


@dataclass(frozen=True)
class Options:
    """How a plan is made and carried out; `command` is `update` or `change`."""

    command: str
    assignments: Sequence[str]
    defaults: bool = False
    plain: bool = False
    yes: bool = False
    dry_run: bool = False
    as_json: bool = False

    @property
    def asks(self) -> bool:
        """Whether the user is asked for answers and for confirmation."""
        return not (self.defaults or self.as_json) and (self.plain or console.is_terminal())


def diff(
    path: Folder = None,
    words: Words = None,
    folder: Project = None,
    to: To = None,
    remote: Remote = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Print the patch on stdout and write nothing else."""
    path, assignments = path_and_answers(path, words)
    with planning.opened(project_folder(path, folder), remote=remote) as project:
        stays = assignments and to is None
        target = project.commit if stays else project.target(to)
        plan = project.plan(target, answers.assigned(assignments), None)
        before = {change.path: project.worktree.tree.get(change.path) for change in plan.changes}
    after = {change.path: change.file for change in plan.changes}
    colour = not as_json and console.has_colour(sys.stdout)
    patch = git.diff(_contents(before), _contents(after), colour=colour)
    if as_json:
        text = patch.decode("utf-8", "surrogateescape")
        console.print_json({**_facts(plan), "applied": False, "patch": text})
    else:
        sys.stdout.buffer.write(patch)


def path_and_answers(path: str | None, words: Sequence[str] | None) -> tuple[str | None, list[str]]:
    """Tell `[PATH] [NAME=VALUE]...` apart: a first word without `=` is PATH.

    Raises:
        Problem: it looks like PATH, and there is no such folder.
    """
    answered = list(words or [])
    if path is not None and "=" in path:
        return None, [path, *answered]
    if path is not None and not Path(path).is_dir():
        raise Problem(
            f"there is no folder {path!r}",
            "PATH is the folder of a project; an answer has the form NAME=VALUE, for example "
            "`database=postgresql`",
        )
    return path, answered


def project_folder(path: str | None, option: str | None) -> Path:
    """The folder that PATH or `--project` names, else the current one.

    Raises:
        Problem: both are given and differ.
    """
    if path is not None and option is not None and Path(path).resolve() != Path(option).resolve():
        raise Problem(f"PATH is {path}, and --project is {option}", "give one of them")
    named = path if path is not None else option
    return Path() if named is None else Path(named)


def carry_out(
    project: ExistingProject, target: str, options: Options, *, revise: bool = False
) -> int:
    """Plan the way to the commit `target`, show the plan, and write it unless told otherwise.

    With `revise`, the user is asked to change today's answers.

    Returns:
        `ExitCode.NEEDS_USER` when the user has something to resolve, else `ExitCode.OK`.
    """
    ask = _Asker(project, target, options, revise=revise) if options.asks else None
    plan = project.plan(target, answers.assigned(options.assignments), ask, revise=revise)
    if not plan.changes:
        return report_nothing(project, "has these answers already", as_json=options.as_json)
    if not options.as_json:
        _show(plan)
    if options.dry_run:
        if options.as_json:
            console.print_json({**_facts(plan), "applied": False})
        else:
            console.say("\nNothing was written.")
        return ExitCode.OK
    if options.asks and not options.yes:
        _confirm(options)
    project.apply(plan, options.command)
    if caution := project.keep_bundle():
        console.warn(caution)
    if options.as_json:
        console.print_json({**_facts(plan), "applied": True})
    else:
        _conclude(plan, options.command)
    return ExitCode.NEEDS_USER if plan.needs_the_user else ExitCode.OK


def report_nothing(project: ExistingProject, what: str, *, as_json: bool) -> int:
    """Tell that there is nothing to do."""
    if as_json:
        facts = {"from": project.version, "to": project.version, "applied": False, "files": {}}
        console.print_json(facts)
    else:
        console.say(f"The project {what}. Nothing was written.")
    return ExitCode.OK


@dataclass(frozen=True)
class _Asker:
    """Asks for answers while a project is planned."""

    project: ExistingProject
    target: str
    options: Options
    revise: bool

    def __call__(
        self, questionnaire: Questionnaire, current: Mapping[str, Any], reasons: Mapping[str, str]
    ) -> Mapping[str, Any]:
        from scaffold.interview import dialogue

        asker = dialogue.asker(plain=self.options.plain)
        if not self.revise:
            return dialogue.complete(questionnaire, current, reasons, asker=asker)
        return dialogue.revise(questionnaire, current, asker=asker, preview=self._preview)

    def _preview(self, given: Mapping[str, Any], rows: int) -> list[str]:
        """The files that these answers would change, in at most `rows` lines."""
        lines = list(_files(self.project.plan(self.target, given, None), in_colour=False))
        if len(lines) > rows:
            lines = [*lines[: rows - 1], f"and {len(lines) - rows + 1} more files"]
        return lines


def _confirm(options: Options) -> None:
    from scaffold.interview import dialogue

    if not dialogue.agree("Write these changes?", asker=dialogue.asker(plain=options.plain)):
        raise Problem("stopped; nothing was written", "run the command again to continue")


def _show(plan: Plan) -> None:
    old, new = plan.before.version, plan.after.version
    print(new if old == new else f"{old} → {new}")
    for title, lines in (
        ("News", plan.notes.strip().splitlines()),
        ("Answers", list(_answers(plan))),
        ("Settings", list(_settings(plan))),
        ("Files", list(_files(plan, in_colour=True))),
        ("To do by hand", _numbered(plan.steps)),
    ):
        if lines:
            print(f"\n{console.painted(title, 'bold', stream=sys.stdout)}")
            print("\n".join(f"  {line}".rstrip() for line in lines))


def _answers(plan: Plan) -> Iterator[str]:
    for name, (old, new) in plan.answers.items():
        if old is None:
            yield f"{name}: {new} (new question)"
        elif new is None:
            yield f"{name}: {old} (removed, the question is gone)"
        else:
            yield f"{name}: {old} → {new}"


def _settings(plan: Plan) -> Iterator[str]:
    old, new = plan.before.settings, plan.after.settings
    yield from (f"{name} is new" for name in sorted(new - old))
    yield from (f"{name} is removed" for name in sorted(old - new))


def _files(plan: Plan, *, in_colour: bool) -> Iterator[str]:
    width = max(len(label) for label, _ in _LABELS.values())
    for outcome, (label, colour) in _LABELS.items():
        for change in plan.having(outcome):
            if change.path != answers.ANSWERS_FILE:
                reason = f" ({change.reason})" if change.reason else ""
                styles = [colour] if in_colour else []
                padded = console.painted(f"{label:{width}}", *styles, stream=sys.stdout)
                yield f"{padded}  {change.path}{reason}"


def _numbered(steps: Sequence[str]) -> list[str]:
    """The steps with their numbers, and further lines below the text."""
    numbered = (f"{f'{number}.':4}{step}" for number, step in enumerate(steps, start=1))
    return [line for step in numbered for line in step.replace("\n", "\n    ").split("\n")]


def _conclude(plan: Plan, command: str) -> None:
    counts = [
        f"{len(found)} {label}"
        for outcome, (label, _) in _LABELS.items()
        if (found := [c for c in plan.having(outcome) if c.path != answers.ANSWERS_FILE])
    ]
    console.say(f"\nWritten, not committed: {', '.join(counts)}.")
    first = "git diff --cached"
    if plan.having(Outcome.CONFLICT):
        console.say("\nResolve each file in conflict: keep what you need of both sides.")
        first = "git mergetool"
    commit = f"git commit -m {shlex.quote(_message(plan))}"
    console.say(f"\nNext:\n  {first}\n  {commit}")
    console.say(f"\nTo restore the state before, until you commit:\n  scaffold {command} --abort")


def _message(plan: Plan) -> str:
    """What the commit could say."""
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


def _contents(files: Mapping[str, File | None]) -> dict[str, bytes]:
    return {path: file.content for path, file in files.items() if file}
