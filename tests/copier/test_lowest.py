"""The lowest versions that the package allows work as the installed ones do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.combinations import ROOT
from tests.tool.conftest import tree

COMMANDS = (["--help"], ["new", "--help"], ["knew"])
DEPENDENCIES = [
    Requirement(text)
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
]


def lowest() -> str:
    """The lower bound of copier, like `9.16.0`."""
    copier = next(one for one in DEPENDENCIES if one.name == "copier")
    bound = next(part.version for part in copier.specifier if part.operator == ">=")
    return ".".join([*bound.split("."), "0"][:3])


@pytest.fixture
def old_python(tmp_path: Path) -> Path:
    """A Python with the lowest version of each package that the tool depends on."""
    uv = next(filter(None, [shutil.which(str(ROOT / ".uv/bin/uv")), shutil.which("uv")]))
    python = tmp_path / "venv/bin/python"
    install = ("pip", "install", "--quiet", "--resolution", "lowest-direct")
    for command in (
        ("venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")),
        (*install, "--python", str(python), *map(str, DEPENDENCIES)),
    ):
        subprocess.run([uv, *command], check=True)
    return python


def scaffold(python: Path, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, output and error output of the tool in `python`."""
    done = subprocess.run(
        [python, "-m", "scaffold", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_template_asks_for_the_lowest_copier_that_the_package_allows() -> None:
    settings = (ROOT / "copier.yml").read_text()
    assert f'\n_min_copier_version: "{lowest()}"\n' in f"\n{settings}"


def test_the_lowest_versions_make_the_same_project_and_say_the_same(
    old_python: Path, tmp_path: Path
) -> None:
    copier = "from importlib.metadata import version; print(version('copier'))"
    rendered, said = {}, []
    for name, python in (("lowest", old_python), ("installed", Path(sys.executable))):
        folder = tmp_path / name / "shop"
        made = scaffold(python, "new", folder, "--defaults", "--no-git")
        assert made[0] == 0, made[2]
        found = subprocess.run([python, "-c", copier], capture_output=True, text=True, check=True)
        rendered[found.stdout.strip()] = tree(folder)
        said.append(
            [scaffold(python, *words) for words in (["--help"], ["new", "--help"], ["knew"])]
        )
    assert lowest() in rendered
    assert len(rendered) == 2, "the installed copier is the lowest one"
    old, new = rendered.values()
    assert old == new
    assert said[0] == said[1]
