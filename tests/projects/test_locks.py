"""The locks of generated projects: exactly what was chosen, at versions tested together."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.combinations import ROOT, each_row, rows

COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes")
CLEAN = ("--no-header", "--no-annotate")
LOCKS = {"requirements.txt": (), "requirements-dev.txt": ("--group=dev",)}

Rendered = Callable[..., Path]


def uv(*arguments: str | Path, cwd: Path) -> str:
    """What uv says; its complaint fails the test."""
    program = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    result = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


@each_row()
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_what_uv_makes_of_the_project(
    rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any], lock: str
) -> None:
    project = rendered(**answers)
    shutil.copy(project / "pyproject.toml", tmp_path)
    resolved = tmp_path / lock
    shutil.copy(project / lock, resolved)

    uv(*COMPILE, *CLEAN, *LOCKS[lock], f"--output-file={lock}", "pyproject.toml", cwd=tmp_path)

    ours, theirs = (path.read_text().splitlines() for path in (project / lock, resolved))
    for line, expected in zip(ours, theirs, strict=True):
        package, conditions = parts(line)
        expected_package, expected_conditions = parts(expected)
        assert package == expected_package
        # A package that another choice needs with fewer conditions has no more of them here.
        assert conditions <= expected_conditions


def parts(line: str) -> tuple[str, set[str]]:
    """A line of a lock, and the conditions of its marker."""
    package, _, marker = line.removesuffix(" \\").partition(" ; ")
    return package, set(marker.split(" and ")) - {""}


@each_row()
def test_every_locked_package_can_be_installed_by_its_hash(
    rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any]
) -> None:
    uv("venv", "--quiet", "venv", cwd=tmp_path)
    lock = rendered(**answers) / "requirements-dev.txt"

    said = uv(
        *("pip", "install", "--dry-run", "--require-hashes", "--python=venv"),
        *("--requirement", lock),
        cwd=tmp_path,
    )

    assert "Would install" in said


def test_a_package_has_one_version_whatever_was_chosen(rendered: Rendered) -> None:
    versions: dict[str, set[str]] = {}
    for answers in rows():
        for requirement in requirements(rendered(**answers) / "requirements-dev.txt"):
            package, _, rest = requirement.partition("==")
            # One with markers may differ by Python version, never by choice.
            marker = rest.partition(";")[2]
            versions.setdefault(f"{package};{marker}", set()).add(rest)

    assert {package for package, found in versions.items() if len(found) > 1} == set()


def test_what_runs_is_part_of_what_develops(rendered: Rendered) -> None:
    project = rendered()

    assert requirements(project / "requirements.txt") < requirements(
        project / "requirements-dev.txt"
    )


def test_a_service_cannot_be_called_like_a_package_it_needs(rendered: Rendered) -> None:
    stack = ROOT / "template/{{use.fastapi}}/_stack/stack.yml"
    record = yaml.safe_load(stack.read_text())["stack_fastapi"]["default"]
    locked = {
        requirement.partition("==")[0]
        for answers in rows()
        for requirement in requirements(rendered(**answers) / "requirements-dev.txt")
    }

    # It also has the packages of choices that are not offered yet.
    assert set(record["reserved_names"]) >= locked | {"app"}


def requirements(lock: Path) -> set[str]:
    """The requirements of a lock without their hashes."""
    return set(re.findall(r"^(\S.*?) \\$", lock.read_text(), flags=re.MULTILINE))
