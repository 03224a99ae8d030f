"""Plans how a project gets to another release or to other answers, and applies the plan.

The template is rendered twice: at the recorded commit with the recorded answers, and at the target.
The difference is merged into what the team has committed. Unlike `copier update`, it never removes
what the team wrote, and it writes nothing before the whole plan is known.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from scaffold.git import commands as git
from scaffold.git.journal import Transaction
from scaffold.git.merge import EXECUTABLE, PLAIN, Change, File, Files, Outcome, has_markers, merge
from scaffold.git.worktree import Worktree
from scaffold.project import data_steps
from scaffold.source import address as addresses
from scaffold.source import bundle as bundles
from scaffold.source import history, locate
from scaffold.source.history import History
from scaffold.template.answers import ANSWERS_FILE, GET_BACK, own_answers, read_answers
from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.render import paths, render
from scaffold.template.spec import Template, load
from scaffold.terminal.errors import Problem, listed

_SETTINGS_FILE = ".env.example"
_SETTING = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_SECTION = re.compile(r"^## ", re.MULTILINE)

Ask = Callable[[Questionnaire, Mapping[str, Any], Mapping[str, str]], Mapping[str, Any]]
"""Asks for missing answers. Gets the valid ones, and the reasons why others are not valid."""


@dataclass(frozen=True)
class Rendering:
    """The project as rendered from the template at one commit."""

    version: str
    template: Template
    complete: CompleteAnswers
    files: Files
    changelog: str

    @property
    def answers(self) -> Mapping[str, Any]:
        """The answers that the project records."""
        return self.complete.recorded

    @cached_property
    def settings(self) -> set[str]:
        """The environment variables that the service reads."""
        file = self.files.get(_SETTINGS_FILE)
        return set(_SETTING.findall(file.content.decode())) if file else set()


@dataclass(frozen=True)
class Plan:
    """Everything that an update will do; `steps` are the manual steps that follow, in order."""

    before: Rendering
    after: Rendering
    changes: list[Change]
    steps: list[str]

    @property
    def answers(self) -> Mapping[str, tuple[Any, Any]]:
        """The answers that differ: old and new value by name; None where there is no answer."""
        old, new = self.before.answers, self.after.answers
        return {
            name: (old.get(name), new.get(name))
            for name in [*new, *(name for name in old if name not in new)]
            if old.get(name) != new.get(name)
        }

    @property
    def title(self) -> str:
        """What messages call it: `update to v2.0.0`, `change of database and queue`."""
        if self.before.version != self.after.version:
            return f"update to {self.after.version}"
        return f"change of {listed(list(self.answers))}"

    @property
    def notes(self) -> str:
        """The sections of the changelog that are new or have changed."""
        known = set(_sections(self.before.changelog))
        return "".join(part for part in _sections(self.after.changelog) if part not in known)

    def having(self, *outcomes: Outcome) -> list[Change]:
        """The changes with one of these outcomes."""
        return [change for change in self.changes if change.outcome in outcomes]

    @property
    def needs_the_user(self) -> bool:
        """Whether the user must decide something."""
        return bool(self.having(Outcome.CONFLICT, Outcome.KEPT))


class ExistingProject:
    """A generated project and the history of its template."""

    def __init__(
        self, worktree: Worktree, recorded: Mapping[str, Any], past: History, newest: str
    ) -> None:
        """`newest` is the default target: a ref in `past`."""
        self.worktree = worktree
        self.recorded = own_answers(recorded)
        self._address = _address(str(recorded["_src_path"]))
        self._past = past
        self._newest = newest
        self.commit = past.commit(str(recorded["_commit"])) or ""
        if not self.commit:
            raise Problem(
                f"{recorded['_commit']} is not in this scaffold's template: the project was made "
                "by a newer one, or from another template",
                "upgrade scaffold, or add `--remote` to ask the template's own repository",
            )

    @property
    def version(self) -> str:
        """The release that the project is at."""
        return self.describe(self.commit)

    def describe(self, commit: str) -> str:
        """The name of a commit, as git describe prints it."""
        return self._past.describe(commit)

    def target(self, to: str | None) -> str:
        """The commit of `to`, or of the newest release.

        Raises:
            Problem: there is no such commit, or it is older than that of the project.
        """
        ref = to or self._newest
        commit = self._past.commit(ref)
        if commit is None:
            raise Problem(f"the template has no release {ref}", "`--to` takes a tag or a commit")
        if not self._past.leads_to(self.commit, commit):
            if self._past.leads_to(commit, self.commit):
                raise Problem(
                    f"the project is at {self.version}, which is newer than {ref}",
                    "upgrade scaffold, or name a later release with `--to`",
                )
            raise Problem(
                f"{ref} does not come after {self.version}, where the project is",
                "name a later release with `--to`",
            )
        return commit

    def plan(
        self, target: str, given: Mapping[str, Any], ask: Ask | None, *, revise: bool = False
    ) -> Plan:
        """Plan the way to the commit `target` with the `given` answers.

        `ask` is called when a recorded answer is not valid any more or a question is new, and
        always with `revise`. Without `ask`, an answer that is not valid any more is a `Problem`.
        """
        with tempfile.TemporaryDirectory(prefix="scaffold-update-") as folder:
            old_root = self._past.export(self.commit, Path(folder) / "old")
            new_root = old_root
            if target != self.commit:
                new_root = self._past.export(target, Path(folder) / "new")
            before = self._render(old_root, self.commit, self.recorded)
            questionnaire = Questionnaire(Jinja(load(new_root)))
            carried = questionnaire.carry(self.recorded, given)
            answers: Mapping[str, Any] = carried.answers
            if ask and (revise or carried.invalid or carried.unasked):
                reasons = {name: refused.message for name, refused in carried.invalid.items()}
                answers = ask(questionnaire, answers, reasons)
            elif carried.invalid:
                raise next(iter(carried.invalid.values()))
            after = self._render(new_root, target, answers)
            steps = data_steps.steps(Jinja(after.template), before.answers, after.complete)
        return Plan(before, after, self._changes(before, after), steps)

    def apply(self, plan: Plan, command: str) -> None:
        """Write the plan into the work tree, completely or not at all.

        `command` is the one that was used, `update` or `change`; later hints name it.

        Raises:
            Problem: the project has changed since it was planned, or a file cannot be written.
        """
        Transaction(self.worktree).apply(
            plan.changes, version=plan.after.version, command=command, title=plan.title
        )

    def keep_bundle(self) -> str:
        """Update the bundle that the project records, for plain `copier update`.

        Returns:
            A warning when it cannot be found there; else an empty text.
        """
        return locate.keep_bundle() if bundles.is_recorded(self._address) else ""

    def _render(self, root: Path, commit: str, given: Mapping[str, Any]) -> Rendering:
        template = load(root)
        version = self._past.describe(commit)
        answers = Questionnaire(Jinja(template)).answers(given)
        origin = {"_src_path": self._address, "_commit": version}
        with tempfile.TemporaryDirectory(prefix="scaffold-render-") as folder:
            render(template, answers, origin, Path(folder))
            files = {path.as_posix(): _read(Path(folder) / path) for path in paths(Path(folder))}
        changelog = root / "CHANGELOG.md"
        text = changelog.read_text(encoding="utf-8") if changelog.is_file() else ""
        return Rendering(version, template, answers, files, text)

    def _changes(self, before: Rendering, after: Rendering) -> list[Change]:
        ours = self.worktree.tree
        old, new = dict(before.files), dict(after.files)
        for path in old.keys() | new.keys():
            if path in ours and has_markers(ours[path].content):
                raise Problem(
                    f"{path} was committed with conflict markers",
                    "resolve the conflict and commit",
                )
        # The answers are the tool's own: there is nothing to merge.
        old[ANSWERS_FILE] = ours[ANSWERS_FILE]
        moves = {
            path: to
            for path, to in _moves(before.template, after.template).items()
            if path not in ours or not self.worktree.is_taken(to)
        }
        changes = merge(old, ours, new, git.merge_file, moves)
        leaving = {change.path for change in changes if change.outcome is Outcome.REMOVED}
        return [self._guarded(change, leaving) for change in changes]

    def _guarded(self, change: Change, leaving: set[str]) -> Change:
        is_new = change.path not in self.worktree.tree
        if is_new and self.worktree.is_taken(change.path, leaving):
            reason = "a file that is not in git is in the way of a new file of the template"
            return change._replace(outcome=Outcome.KEPT, file=None, reason=reason)
        return change


@contextmanager
def opened(folder: Path, *, remote: bool = False) -> Iterator[ExistingProject]:
    """Open the project in `folder`, ready to be changed.

    Raises:
        Problem: it is not a project, has uncommitted changes, or its template cannot be read.
    """
    noted = recorded(folder)
    worktree = Worktree(folder)
    Transaction(worktree).check()
    if ANSWERS_FILE not in worktree.tree:
        raise Problem(f"{ANSWERS_FILE} is not committed", "commit it: updates start from it")
    address = str(noted["_src_path"])
    own = None if remote or not locate.is_own(address) else locate.repository()
    with history.opened(str(own or address)) as past:
        yield ExistingProject(worktree, noted, past, "HEAD" if own else past.newest())


def _read(file: Path) -> File:
    return File(file.read_bytes(), EXECUTABLE if file.stat().st_mode & 0o100 else PLAIN)


def _moves(before: Template, after: Template) -> Mapping[str, str]:
    """The paths that were renamed between two releases, each with its newest name."""
    moves = {old: new for old, new in after.moves.items() if old not in before.moves}
    return {old: _last_name(old, moves) for old in moves}


def _last_name(path: str, moves: Mapping[str, str]) -> str:
    seen: set[str] = set()
    while path in moves and path not in seen:
        seen.add(path)
        path = moves[path]
    return path


def _address(recorded: str) -> str:
    """The address to record from now on: a public address replaces the bundle."""
    own = locate.address()
    is_public = own is not None and addresses.is_remote(own)
    return own if own and is_public and bundles.is_recorded(recorded) else recorded


def recorded(folder: Path) -> Mapping[str, Any]:
    """Read the answers file of a project, including `_src_path` and `_commit`."""
    file = folder / ANSWERS_FILE
    if not file.is_file():
        raise Problem(
            f"{folder} is not a project: it has no file {ANSWERS_FILE}",
            "give the folder of a service that `scaffold new` created",
        )
    noted = read_answers(file, GET_BACK)
    if not (noted.get("_src_path") and noted.get("_commit")):
        raise Problem(
            f"{file} does not say which commit of the template the project was made from",
            "only a project of a template that was committed to git can be updated",
        )
    return noted


def _sections(changelog: str) -> list[str]:
    """The sections of a changelog, each from its heading to the next."""
    starts = [match.start() for match in _SECTION.finditer(changelog)]
    return [changelog[start:end] for start, end in pairwise([*starts, len(changelog)])]
