"""A new project: rendered out of sight, then put into place all at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scaffold.git import commands as git
from scaffold.project import staging
from scaffold.source.locate import Source
from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.render import paths, render


@dataclass(frozen=True)
class Listed:
    """A file of a project: its path in the project, and its size in bytes."""

    path: PurePosixPath
    size: int


@dataclass(frozen=True)
class Created:
    """What was written; `repository` is the git repository that it is in, if any."""

    files: list[Listed]
    repository: Path | None


@dataclass(frozen=True)
class NewProject:
    """Answers that are complete and valid, and the template to render them with."""

    jinja: Jinja
    source: Source
    answers: CompleteAnswers

    @property
    def name(self) -> str:
        """The name of the service."""
        return str(self.answers.recorded["name"])

    def preview(self) -> list[Listed]:
        """The files that `create` would write.

        Raises:
            Problem: the template is broken.
        """
        with tempfile.TemporaryDirectory(prefix="scaffold-preview-") as folder:
            return self._render(Path(folder))

    def create(self, folder: Path, *, with_git: bool) -> Created:
        """Write it to `folder`, complete or not at all; with git, as a repository of its own.

        Inside another repository none is made.

        Raises:
            Problem: something is in the way, git failed or the folder cannot be written.
        """
        staging.check(folder)
        outer = git.repository_of(folder.parent) if with_git else None
        with staging.staged(folder) as staged:
            files = self._render(staged)
            if with_git and outer is None:
                git.first_commit(staged)
        return Created(files, outer or (folder if with_git else None))

    def _render(self, folder: Path) -> list[Listed]:
        render(self.jinja.template, self.answers, self.source.origin, folder)
        return [
            Listed(PurePosixPath(path.as_posix()), (folder / path).stat().st_size)
            for path in paths(folder)
        ]


def complete(jinja: Jinja, source: Source, given: Mapping[str, Any]) -> NewProject:
    """Complete the given answers with defaults. Raises a `Problem` when one is not valid."""
    return NewProject(jinja, source, Questionnaire(jinja).answers(given))
