"""Renders a template's layers into files, in memory: nothing is written before all is well."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from scaffold.template.expressions import Jinja
from scaffold.terminal.errors import Problem
from scaffold.template.questions import Answers

SUFFIX = ".jinja"


@dataclass(frozen=True)
class RenderedFile:
    """One file of the new project; `path` is relative to it, `source` to the template's root."""

    path: PurePosixPath
    source: PurePosixPath
    content: bytes
    executable: bool


def render(jinja: Jinja, answers: Answers, origin: Mapping[str, str]) -> list[RenderedFile]:
    """All files of the project, sorted by path.

    `origin` has `_src_path` and `_commit` where they are known: what `copier update` reads.

    Raises:
        Problem: two layers write one path, or a file of the template is broken.
    """
    context = {
        **answers.context,
        "_copier_answers": {**origin, **answers.recorded},
        "_copier_conf": {"answers_file": jinja.template.answers_file},
    }
    owners: dict[PurePosixPath, RenderedFile] = {}
    for file in _folder(jinja, context, jinja.template.tree, PurePosixPath()):
        if file.path in owners:
            raise Problem(
                f"two layers write {file.path}: {owners[file.path].source} and {file.source}",
                "this is a fault of the template: one path has one owner",
            )
        owners[file.path] = file
    return sorted(owners.values(), key=lambda file: file.path)


def write(files: list[RenderedFile], folder: Path) -> None:
    """Write the files below `folder`, which must exist."""
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        if file.executable:
            mode = target.stat().st_mode
            target.chmod(mode | (mode & 0o444) >> 2)  # whoever may read may run


def _folder(
    jinja: Jinja, context: Mapping[str, Any], folder: Path, path: PurePosixPath
) -> Iterator[RenderedFile]:
    """The files below one folder of the template. A part that renders to nothing is skipped."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            is_folder = entry.is_dir(follow_symlinks=False)
            name = jinja.text(entry.name if is_folder else entry.name.removesuffix(SUFFIX), context)
            if not name or any(fnmatchcase(name, pattern) for pattern in jinja.template.exclude):
                continue
            if "/" in name or name == "..":
                raise Problem(
                    f"the template's path {entry.name} renders to {name!r}",
                    "this is a fault of the template",
                )
            if is_folder:
                yield from _folder(jinja, context, folder / entry.name, path / name)
            else:
                yield _file(jinja, context, folder / entry.name, path / name)


def _file(
    jinja: Jinja, context: Mapping[str, Any], file: Path, path: PurePosixPath
) -> RenderedFile:
    source = PurePosixPath(file.relative_to(jinja.template.root).as_posix())
    if file.name.endswith(SUFFIX):
        content = jinja.file(str(source), context).encode()
    else:
        content = file.read_bytes()
    return RenderedFile(path, source, content, executable=bool(file.stat().st_mode & 0o100))
