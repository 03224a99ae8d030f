"""The lowest copier that the package allows renders the same project as the installed one."""

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

RENDER = """\
import sys
from importlib.metadata import version
from pathlib import Path
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.render import render
from scaffold.template.spec import load

template = load(Path(sys.argv[1]))
given = {"name": "shop", **template.presets["starter"].answers}
render(template, Questionnaire(Jinja(template)).answers(given), {}, Path(sys.argv[2]))
print(version("copier"))
"""
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
    """A Python that has the lowest copier, and all other dependencies as the package wants them."""
    uv = next(filter(None, [shutil.which(str(ROOT / ".uv/bin/uv")), shutil.which("uv")]))
    python = tmp_path / "venv/bin/python"
    others = [str(one) for one in DEPENDENCIES if one.name != "copier"]
    for command in (
        ("venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")),
        ("pip", "install", "--quiet", "--python", str(python), f"copier=={lowest()}", *others),
    ):
        subprocess.run([uv, *command], check=True)
    return python


def test_the_template_asks_for_the_lowest_copier_that_the_package_allows() -> None:
    settings = (ROOT / "copier.yml").read_text()
    assert f'\n_min_copier_version: "{lowest()}"\n' in f"\n{settings}"


def test_the_lowest_copier_renders_the_same_project(old_python: Path, tmp_path: Path) -> None:
    rendered = {}
    for name, python in (("lowest", old_python), ("installed", Path(sys.executable))):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [python, "-c", RENDER, ROOT, folder],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        rendered[done.stdout.strip()] = tree(folder)
    assert lowest() in rendered
    assert len(rendered) == 2, "the installed copier is the lowest one"
    old, new = rendered.values()
    assert old == new
