"""A new project: rendered, then written all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.git import commands as git
from scaffold.project import staging
from scaffold.source.locate import Source
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Answers, Questionnaire
from scaffold.template.render import RenderedFile, render, write


@dataclass(frozen=True)
class Project:
    """A project that is rendered but not yet written."""

    answers: Answers
    files: list[RenderedFile]
    source: Source

    @property
    def name(self) -> str:
        """What the service is called."""
        return str(self.answers.recorded["name"])

    def create(self, folder: Path, *, with_git: bool) -> Path | None:
        """Write it to `folder`, complete or not at all; with git, as a repository of its own.

        Returns:
            The repository that `folder` is in; inside another repository none is made.

        Raises:
            Problem: something is in the way, git failed or the folder cannot be written.
        """
        staging.check(folder)
        outer = git.repository_of(folder.parent) if with_git else None
        with staging.staged(folder) as staged:
            write(self.files, staged)
            if with_git and outer is None:
                git.first_commit(staged)
        return outer or (folder if with_git else None)


def plan(jinja: Jinja, source: Source, given: Mapping[str, Any]) -> Project:
    """Complete the answers and render. Raises a `Problem` when an answer is not valid."""
    answers = Questionnaire(jinja).answers(given)
    return Project(answers, render(jinja, answers, source.origin), source)
