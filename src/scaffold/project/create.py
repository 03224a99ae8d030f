"""Creates a project: renders it into a hidden folder, then renames that folder."""

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
    """The files that were written, and the git repository that contains them, if any."""

    files: list[Listed]
    repository: Path | None


@dataclass(frozen=True)
class NewProject:
    """A template with complete and valid answers, ready to be rendered."""

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
        """Write the project to `folder`, completely or not at all.

        With git, the folder becomes a repository, unless it is inside another one.

        Raises:
            Problem: `folder` exists and is not empty, cannot be written, or git failed.
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
