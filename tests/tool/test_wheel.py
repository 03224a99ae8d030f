"""The wheel carries the whole template, and a tool installed from it works without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scaffold.template import load
from tests.combinations import ROOT
from tests.tool.conftest import tree


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked and byte-compiled, as an installer does it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        for entry in archive.infolist():
            (folder / entry.filename).chmod(entry.external_attr >> 16 & 0o777 or 0o644)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", folder], check=False, capture_output=True
    )
    assert list((folder / "scaffold/_template").rglob("*.pyc"))
    return folder


def test_every_file_of_the_template_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "template"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    with zipfile.ZipFile(wheel) as archive:
        carried = {name.removeprefix("scaffold/_template/") for name in archive.namelist()}
    assert {name for name in listed if name and (ROOT / name).exists()} <= carried


def test_the_wheel_has_no_leavings(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert not [
            name for name in archive.namelist() if "__pycache__" in name or "_cache/" in name
        ]


def test_an_installed_tool_makes_what_the_checkout_makes(site: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "SCAFFOLD_TEMPLATE"}
    for place, path in (("installed", site), ("checkout", ROOT / "src")):
        (tmp_path / place).mkdir()
        subprocess.run(
            [sys.executable, "-m", "scaffold", "new", "shop", "--defaults", "--no-git"],
            cwd=tmp_path / place, check=True, capture_output=True,
            env={**environment, "PYTHONPATH": str(path)},
        )  # fmt: skip
    ours, theirs = (tree(tmp_path / place / "shop") for place in ("installed", "checkout"))
    for files in (ours, theirs):
        files.pop(".copier-answers.yml")  # an installed tool may know another source
    assert ours == theirs


def test_the_template_in_the_wheel_can_be_read(site: Path) -> None:
    assert load(site / "scaffold/_template").presets
