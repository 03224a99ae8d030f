"""Projects of the releases, made in memory and committed; and what became of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.git.merge import EXECUTABLE, PLAIN, File
from scaffold.source.history import History
from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.spec import load
from tests.combinations import TEMPLATE, axes, cover
from tests.oracle import is_legal
from tests.rendering import RenderedFile, rendered
from tests.tool.conftest import commit, git

ANSWERS_FILE = TEMPLATE.answers_file
Answers = Mapping[str, Any]


@dataclass
class Releases:
    """A history of the template; each release is taken out of git once."""

    repository: Path
    exports: Path
    _templates: dict[str, Jinja] = field(default_factory=dict)
    _rendered: dict[tuple[str, str], list[RenderedFile]] = field(default_factory=dict)

    def jinja(self, tag: str) -> Jinja:
        """The template as it was at `tag`."""
        if tag not in self._templates:
            self.exports.mkdir(exist_ok=True)
            root = History(self.repository).export(tag, self.exports / tag)
            self._templates[tag] = Jinja(load(root))
        return self._templates[tag]

    def fresh(self, tag: str, answers: Answers) -> dict[str, File]:
        """What a new project of that release is."""
        return {
            str(file.path): File(file.content, EXECUTABLE if file.executable else PLAIN)
            for file in self._files(tag, answers)
        }

    def project(self, folder: Path, tag: str, answers: Answers) -> Path:
        """A new project of that release, committed; gives its folder."""
        for file in self._files(tag, answers):
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(0o755 if file.executable else 0o644)
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "config", "user.name", "Test")
        git(folder, "config", "user.email", "test@example.org")
        commit(folder, "Start")
        return folder

    def recorded(self, tag: str, answers: Answers) -> dict[str, Any]:
        """The answers that such a project notes."""
        return dict(self._answers(tag, answers).recorded)

    def kept(self, tag: str, recorded: Answers) -> dict[str, Any]:
        """Those of the answers that the questions of `tag` still ask for."""
        asked = {question.name for question in self.jinja(tag).template.asked}
        return {name: value for name, value in recorded.items() if name in asked}

    def moves(self, start: str, end: str) -> dict[str, str]:
        """The paths that were renamed between two releases, each to its last name."""
        known = self.jinja(start).template.moves
        moves = {
            old: new for old, new in self.jinja(end).template.moves.items() if old not in known
        }
        while any(new in moves for new in moves.values()):
            moves = {old: moves.get(new, new) for old, new in moves.items()}
        return moves

    def _files(self, tag: str, answers: Answers) -> list[RenderedFile]:
        """The files of such a project; each is rendered once."""
        key = (tag, repr(sorted(answers.items())))
        if key not in self._rendered:
            origin = {"_src_path": str(self.repository), "_commit": tag}
            template = self.jinja(tag).template
            self._rendered[key] = rendered(template, self._answers(tag, answers), origin)
        return self._rendered[key]

    def _answers(self, tag: str, answers: Answers) -> CompleteAnswers:
        return Questionnaire(self.jinja(tag)).answers({"name": "shop", **answers})


def files(folder: Path) -> dict[str, File]:
    """All files of a project on the disk, but git's own and what it ignores, as git sees them."""
    listed = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = sorted({path for path in listed.split("\0") if path})
    return {path: File(*_read(folder / path)) for path in paths if os.path.lexists(folder / path)}


def state(folder: Path) -> tuple[object, ...]:
    """All that the disk and git know: every byte and mode, the index, the status, the head."""
    everything = sorted(
        path for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts
    )
    disk = {
        str(path.relative_to(folder)): _read(path) if not _is_folder(path) else None
        for path in everything
    }
    asked = ("status --porcelain --ignored", "ls-files --stage -v", "rev-parse HEAD", "stash list")
    return disk, *(git(folder, *question.split()) for question in asked)


def copied(project: Path, folder: Path) -> Path:
    """A copy with all that git knows."""
    shutil.copytree(project, folder, symlinks=True)
    return folder


@cache
def pairwise() -> tuple[dict[str, Any], ...]:
    """Few answers in which any two choices of two questions meet at least once."""
    return tuple(cover(axes() | MADE_UP, lambda answers: is_legal(_real(answers))))


MADE_UP: dict[str, list[Any]] = {"size": ["small", "large"], "audit": [False, True]}


def _real(answers: Answers) -> Answers:
    """The answers to questions of the real template."""
    return {name: value for name, value in answers.items() if name not in MADE_UP}


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read(file: Path) -> tuple[bytes, str]:
    if file.is_symlink():
        return os.fsencode(file.readlink()), "120000"
    return file.read_bytes(), EXECUTABLE if file.stat().st_mode & 0o100 else PLAIN
