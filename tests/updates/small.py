"""A template of a few lines with releases that a test writes down: quick to update along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scaffold.cli.app import run
from tests.tool.conftest import commit, git

_SETTINGS = """\
_subdirectory: template
_answers_file: .copier-answers.yml
_exclude: [__pycache__]
_envops: {keep_trailing_newline: true}
name: {type: str, help: "Name?", default: shop}
"""
_ANSWERS = "{{ _copier_answers | to_nice_yaml -}}\n"

Files = Mapping[str, str | bytes]


def template(root: Path, *releases: Files) -> Path:
    """A repository with the releases v1.0.0, v2.0.0, …; each says all its files anew.

    A path that ends with `!` is an executable file.
    """
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for number, files in enumerate(releases, start=1):
        git(root, "rm", "-r", "--quiet", "--ignore-unmatch", ".")
        (root / "copier.yml").write_text(_SETTINGS)
        put(root / "template", {"{{_copier_conf.answers_file}}.jinja": _ANSWERS, **files})
        commit(root, f"Release {number}", tag=f"v{number}.0.0")
    return root


def project(root: Path, folder: Path, ours: Files | None = None) -> Path:
    """A project of the first release, with the files `ours` committed on top."""
    git(root, "checkout", "--quiet", "v1.0.0")
    assert run(["new", str(folder), "--defaults", "--template", str(root)]) == 0
    git(root, "checkout", "--quiet", "main")
    git(folder, "config", "user.name", "Test")
    git(folder, "config", "user.email", "test@example.org")
    if ours:
        put(folder, ours)
        commit(folder, "Our edits")
    return folder


def put(folder: Path, files: Files) -> None:
    """Write files below `folder`."""
    for path, content in files.items():
        file = folder / path.removesuffix("!")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if path.endswith("!"):
            file.chmod(0o755)
