"""Renders a project with copier, by its public API alone.

copier is imported when the first project is rendered, or by `preload`: help, flags and the first
question of the interview do not need it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from scaffold.template.documents import parse
from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers
from scaffold.template.spec import PARTS, Template, one_line
from scaffold.terminal.errors import Problem


def render(
    template: Template, answers: CompleteAnswers, origin: Mapping[str, str], folder: Path
) -> None:
    """Write the project into `folder`, which exists and is empty.

    `origin` has `_src_path` and `_commit`, which `copier update` reads, where they are known.

    Raises:
        Problem: the template is broken.
        OSError: `folder` cannot be written; what was written so far is left there.
    """
    import copier
    from copier.errors import CopierError
    from jinja2 import TemplateError

    with _without_unused(template, answers.context) as root:
        try:
            # copier prints some errors before it raises them.
            with redirect_stderr(StringIO()), compiled_once():
                copier.run_copy(
                    str(root),
                    folder,
                    data=dict(answers.recorded),
                    defaults=True,
                    overwrite=True,
                    quiet=True,
                    settings=copier.Settings(),  # those of the user would change answers
                )
        except TemplateError as error:
            raise _fault(f"{_failing_file(error, root)} fails: {one_line(error)}") from error
        except (CopierError, UnicodeError, ValueError) as error:
            raise _fault(
                f"files cannot be rendered: {one_line(error.__cause__ or error)}"
            ) from error
    _record(origin, folder / template.answers_file)
    _apply_umask(folder)


def preload() -> None:
    """Import copier, which takes longer than rendering a small project."""
    import_module("copier")


def paths(folder: Path) -> list[Path]:
    """The files of the project in `folder`, relative to it and sorted."""
    return sorted(file.relative_to(folder) for file in _files(folder))


@contextmanager
def compiled_once() -> Iterator[None]:
    """Have Jinja compile each distinct text once while copier renders.

    copier compiles each part of each path anew, mostly the same few names of layers. A text with
    copier's `yield` tag changes the state of its environment until another text is compiled. So
    after such a text, every text is compiled again.
    """
    from jinja2 import Environment

    compile_text = Environment.from_string
    kept: dict[tuple[Environment, str], Any] = {}
    yields = False

    def from_string(self: Environment, source: Any, *rest: Any, **named: Any) -> Any:
        nonlocal yields
        yields = yields or (isinstance(source, str) and "yield" in source)
        if yields or rest or named or not isinstance(source, str):
            return compile_text(self, source, *rest, **named)
        if (self, source) not in kept:
            kept[self, source] = compile_text(self, source)
        return kept[self, source]

    setattr(Environment, "from_string", from_string)  # noqa: B010 - mypy refuses the assignment
    try:
        yield
    finally:
        setattr(Environment, "from_string", compile_text)  # noqa: B010 - as above


@contextmanager
def _without_unused(template: Template, context: Mapping[str, Any]) -> Iterator[Path]:
    """A copy of the template without git and without the files of the layers that are not in use.

    From a repository, copier renders the newest tag; and it renders the path of each file, although
    most layers are not in use. Their records stay, because copier.yml includes them.
    """
    root, jinja = template.root, Jinja(template)
    parts = PARTS if (root / "template").is_dir() else [entry.name for entry in root.iterdir()]
    no_source = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")

    def unused(folder: str, names: list[str]) -> set[str]:
        left_out = set(no_source(folder, names))
        if _renders_to_nothing(jinja, Path(folder).name, context):
            left_out |= {name for name in names if not name.startswith("_")}
        return left_out

    with tempfile.TemporaryDirectory(prefix="scaffold-template-") as copy:
        for part in map(root.joinpath, parts):
            if part.is_dir() and part.name != ".git":
                shutil.copytree(part, Path(copy) / part.name, ignore=unused)
            elif part.is_file():
                shutil.copy(part, copy)
        yield Path(copy)


def _renders_to_nothing(jinja: Jinja, name: str, context: Mapping[str, Any]) -> bool:
    """Whether copier skips a folder of this name. What only copier can render is left to it."""
    try:
        return not jinja.text(name, context)
    except Problem:
        return False


def _record(origin: Mapping[str, str], file: Path) -> None:
    """Record the address of the template: copier has recorded the folder that it rendered."""
    if not file.is_file():
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    comments = [line for line in lines if line.startswith("#")]
    noted: dict[str, Any] = parse("".join(lines))
    answers = {name: value for name, value in noted.items() if name not in ("_src_path", "_commit")}
    text = yaml.safe_dump(
        {**origin, **answers}, indent=4, allow_unicode=True, default_flow_style=False
    )
    file.write_text("".join(comments) + text, encoding="utf-8")


def _apply_umask(folder: Path) -> None:
    """Set the modes of new files: copier copies the modes of the template."""
    umask = os.umask(0)
    os.umask(umask)
    for file in _files(folder):
        executable = file.stat().st_mode & 0o100
        file.chmod((0o777 if executable else 0o666) & ~umask)


def _failing_file(error: Exception, root: Path) -> str:
    """The template file in which Jinja failed; `copier.yml` when it was no file."""
    frames = traceback.extract_tb(error.__traceback__)
    files = [Path(frame.filename) for frame in frames]
    inside = [file.relative_to(root).as_posix() for file in files if file.is_relative_to(root)]
    return f"file {inside[-1]}" if inside else "copier.yml"


def _fault(what: str) -> Problem:
    return Problem(f"the template's {what}", "this is a fault of the template")


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
