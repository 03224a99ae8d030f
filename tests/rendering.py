"""Rendered projects as files in memory, for tests that look at every file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scaffold.template.questions import CompleteAnswers
from scaffold.template.render import paths, render
from scaffold.template.spec import Template


@dataclass(frozen=True)
class RenderedFile:
    """One file of a project; `path` is relative to the project."""

    path: PurePosixPath
    content: bytes
    executable: bool


def rendered(
    template: Template, answers: CompleteAnswers, origin: Mapping[str, str] | None = None
) -> list[RenderedFile]:
    """The files of a project, sorted by path."""
    with tempfile.TemporaryDirectory() as folder:
        render(template, answers, origin or {}, Path(folder))
        return read(Path(folder))


def read(folder: Path) -> list[RenderedFile]:
    """The files in `folder`, sorted by path."""
    return [
        RenderedFile(
            PurePosixPath(path.as_posix()),
            (folder / path).read_bytes(),
            bool((folder / path).stat().st_mode & 0o100),
        )
        for path in paths(folder)
    ]
