"""Histories of the template to update along: made-up releases, and the real ones.

The made-up ones start from the template of this checkout. Each release then changes what a release
can change: lines, files (added, dropped, renamed) and questions. Most of the code is left out by
default, because rendering then takes a third of the time.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.combinations import ROOT
from tests.tool.conftest import commit, export, export_without_code, git

FIRST, LAST = "v1.0.0", "v1.3.0"
ALWAYS = Path("template/{{use.always}}")
DOCS = ALWAYS / "docs/operations"
# What a release may not touch: locks have checksums, the rest knows no comments.
_FIXED = re.compile(
    r"requirements|lock|(open|async)api\.json|\.mako|_stack|_axes|answers_file|operations|guides|runbook"
)
_LINES = "".join(f"Line {number} of the template.\n" for number in range(1, 21))
_PIXEL = b"\x89PNG\r\n\x1a\n\0"

_MOVE = """\
- version: {version}
  when: "{{{{ _stage == 'before' }}}}"
  command: ["{{{{ _copier_python }}}}", "{{{{ _copier_conf.src_path }}}}/migrations/move.py", \
{old}, {new}]
"""


def made_up(root: Path, *, with_code: bool = False) -> Path:
    """A repository with the releases v1.0.0 to v1.3.0; gives its folder."""
    if with_code:
        export(root)
    else:
        export_without_code(root)
    shutil.copytree(ROOT / "migrations", root / "migrations")
    git(root, "init", "--quiet", "--initial-branch=main")
    for tag, release in _RELEASES.items():
        release(root)
        news = f"## {tag.removeprefix('v')}\n\n- {release.__doc__}\n"
        changelog = root / "CHANGELOG.md"
        earlier = changelog.read_text() if changelog.exists() else ""
        changelog.write_text(f"{news}\n{earlier}")
        commit(root, tag, tag=tag)
    return root


def real(root: Path, repository: Path = ROOT) -> Path:
    """The released templates of `repository`, then that of its checkout, as one commit each."""
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for tag in tags(repository):
        _clear(root)
        archive = subprocess.run(
            ["git", "archive", tag], cwd=repository, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x"], input=archive, cwd=root, check=True)
        commit(root, tag, tag=tag)
    _clear(root)
    for part in ("template", "migrations"):
        if (repository / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
            shutil.copytree(repository / part, root / part, ignore=ignored)
    shutil.copy(repository / "copier.yml", root)
    (root / "RELEASE").write_text("the checkout\n")
    commit(root, "The checkout", tag="v99999.0.0")
    return root


def tags(repository: Path = ROOT) -> list[str]:
    """The releases that are part of the checkout, oldest first."""
    listed = git(repository, "tag", "--merged", "HEAD", "--sort=version:refname").split()
    return [tag for tag in listed if re.fullmatch(r"v\d+(\.\d+)*", tag)]


def recipe(root: Path, version: str, old: str, new: str) -> None:
    """Add to copier.yml the move that a rename in the template needs."""
    settings = root / "copier.yml"
    text = settings.read_text()
    entry = _MOVE.format(version=version, old=old, new=new)
    if "_migrations:\n" not in text:
        text = text.replace("_envops:\n", "_migrations:\n_envops:\n", 1)
    before, after = text.split("_envops:\n", 1)
    settings.write_text(f"{before}{entry}_envops:\n{after}")


def _first(root: Path) -> None:
    """The template of this checkout, and questions and files of all kinds."""
    for name in _names("dropped", 4) + _names("moved", 5) + ["überblick und plan.md"]:
        _write(root / DOCS / name, _LINES)
    _write(root / DOCS / "notes.md.jinja", f"# {{{{ name }}}}\n\nFor {{{{ owner }}}}.\n\n{_LINES}")
    _write(root / DOCS / "where.md.jinja", "In {{ region }}, {{ size }}, {{ replicas }} times.\n")
    _write(root / DOCS / "{{size}}.md", _LINES)
    _write(root / "template/{{use.fastapi}}/{{'.' if audit else ''}}/docs/audit.md", _LINES)
    (root / DOCS / "plan.png").write_bytes(_PIXEL + b"1")
    (root / DOCS / "dropped.png").write_bytes(_PIXEL)
    for name, mode in (("becomes.sh", 0o644), ("ceases.sh", 0o755), ("stays.sh", 0o755)):
        _write(root / ALWAYS / "scripts" / name, f"#!/bin/sh\necho {name}\n")
        (root / ALWAYS / "scripts" / name).chmod(mode)
    with (root / "copier.yml").open("a") as questions:
        questions.write(_QUESTIONS)


def _second(root: Path) -> None:
    """One more question, another default; files added and changed."""
    _replace(root / "copier.yml", "default: eu", "default: us")
    with (root / "copier.yml").open("a") as questions:
        questions.write("\ntracing:\n  type: bool\n  help: Trace requests?\n  default: false\n")
    for name in _names("added", 6):
        _write(root / DOCS / name, _LINES)
    _write(root / ALWAYS / "docs/guides/tracing.md.jinja", "Tracing: {{ tracing | lower }}\n")
    (root / DOCS / "plan.png").write_bytes(_PIXEL + b"2")
    (root / ALWAYS / "scripts/becomes.sh").chmod(0o755)
    (root / ALWAYS / "scripts/ceases.sh").chmod(0o644)
    for name in ("dropped-1.md", "moved-1.md", "notes.md.jinja", "überblick und plan.md"):
        _replace(root / DOCS / name, "Line 10 of the", "Line 10 of this")
    _revise(root, "1.1.0", lambda number: number % 3 == 0)


def _third(root: Path) -> None:
    """One question and one choice fewer; files dropped and renamed."""
    settings = root / "copier.yml"
    settings.write_text(re.sub(r"\nowner:\n(  .*\n)+", "", settings.read_text()))
    _replace(settings, "Medium: medium, ", "")
    _replace(root / DOCS / "notes.md.jinja", "For {{ owner }}.", "For us.")
    for name in _names("moved", 5):
        _move(root, "1.2.0", f"docs/operations/{name}", f"docs/guides/{name}")
    _move(root, "1.2.0", "docs/runbook.md", "docs/operations/runbook.md")
    for name in ("moved-1.md", "moved-2.md"):
        _replace(root / ALWAYS / "docs/guides" / name, "Line 15 of the", "Line 15 of this")
    names = [*_names("dropped", 4), "dropped.png"]
    _drop(root, [*(f"docs/operations/{name}" for name in names), "docs/versioning.md"])
    _revise(root, "1.2.0", lambda number: number % 3 == 1)


def _fourth(root: Path) -> None:
    """Everything once more: another move of a moved file, changes of changes."""
    _drop(root, [])
    _move(root, "1.3.0", "docs/guides/moved-1.md", "docs/guides/again/moved-1.md")
    _replace(root / ALWAYS / "docs/guides/moved-3.md", "Line 5 of the", "Line 5 of that")
    for name in ("added-1.md", "added-2.md", "überblick und plan.md", "{{size}}.md"):
        _replace(root / DOCS / name, "Line 12 of the", "Line 12 of that")
    _write(root / ALWAYS / "docs/operations/deeper/still/added.md", _LINES)
    _write(root / ALWAYS / ".env.example.jinja", "\n# Nothing else is read.\n", "a")
    (root / DOCS / "plan.png").write_bytes(_PIXEL + b"3")
    _revise(root, "1.3.0", lambda number: number % 4 == 0)


_RELEASES: dict[str, Callable[[Path], None]] = {
    "v1.0.0": _first,
    "v1.1.0": _second,
    "v1.2.0": _third,
    "v1.3.0": _fourth,
}

_QUESTIONS = """
region:
  type: str
  help: Where?
  default: eu

size:
  type: str
  help: How large?
  choices: {Small: small, Medium: medium, Large: large}
  default: small

replicas:
  type: int
  help: How many?
  default: 2
  when: "{{ size != 'small' }}"

audit:
  type: bool
  help: Keep an audit?
  default: false

owner:
  type: str
  help: Whose is it?
  default: "{{ name }} team"
"""


def _revise(root: Path, version: str, chosen: Callable[[int], bool]) -> None:
    """Change a line of the chosen files of the real template, so that they stay valid."""
    for number, file in enumerate(_revisable(root)):
        if chosen(number):
            text, note = file.read_text(), f"Revised in {version}."
            if "Revised in " in text:
                text = re.sub(r"Revised in [\d.]+", note.removesuffix("."), text)
            elif file.name.split(".")[1:2] == ["md"]:
                text = f"{text}\n{note}\n"
            elif re.search(r"^(?:async def|def|class) ", text, re.MULTILINE):
                text = re.sub(
                    r"(?<=\n\n\n)((?:async def|def|class) )", rf"# {note}\n\1", text, count=1
                )
            else:
                text = f"{text}\n# {note}\n"
            file.write_text(text)


def _revisable(root: Path) -> Iterator[Path]:
    known = {".py", ".md", ".yml", ".yaml", ".toml", ".ini", ".example", ".jinja", ""}
    for file in sorted((root / "template").rglob("*")):
        path = file.relative_to(root).as_posix()
        is_known = file.is_file() and file.suffix in known and not _FIXED.search(path)
        if is_known and file.read_text():
            yield file


def _move(root: Path, version: str, old: str, new: str) -> None:
    source = _source(root, old)
    target = root / ALWAYS / f"{new}{source.name.removeprefix(Path(old).name)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    recipe(root, version, old, new)


def _source(root: Path, path: str) -> Path:
    """The template file that renders to `path`."""
    plain = root / ALWAYS / path
    return plain if plain.exists() else plain.with_name(f"{plain.name}.jinja")


def _drop(root: Path, paths: list[str]) -> None:
    """Remove files, and tell so as the law asks; what an earlier release dropped is forgotten."""
    for path in paths:
        _source(root, path).unlink()
    settings = root / "copier.yml"
    text = re.sub(r"_scaffold_dropped: .*\n", "", settings.read_text())
    told = f"_scaffold_dropped: {json.dumps(paths)}\n" if paths else ""
    settings.write_text(text.replace("_envops:\n", f"{told}_envops:\n", 1))


def _names(stem: str, count: int) -> list[str]:
    return [f"{stem}-{number}.md" for number in range(1, count + 1)]


def _write(file: Path, text: str, mode: str = "w") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open(mode) as stream:
        stream.write(text)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file} lacks {old!r}"
    file.write_text(text.replace(old, new))


def _clear(root: Path) -> None:
    for entry in root.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
