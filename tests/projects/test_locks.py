"""The locks of generated projects: exactly what was chosen, at versions tested together."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaffold.template.spec import STACK_RECORD
from tests.combinations import ROOT, TEMPLATE, Answers, each_row, language, rows
from tests.runtimes.node import Node, find_node

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


@each_row(languages=["python"])
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


@each_row(languages=["python"])
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
    for answers in in_python():
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
        for answers in in_python()
        for requirement in requirements(rendered(**answers) / "requirements-dev.txt")
    }

    # It also has the packages of choices that are not offered yet.
    assert set(record["reserved_names"]) >= locked | {"app"}


@each_row(languages=["node"])
def test_a_lock_is_what_npm_makes_of_the_project(
    rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(project / name, tmp_path)

    npm("install", "--package-lock-only", cwd=tmp_path)

    ours, theirs = (folder / "package-lock.json" for folder in (project, tmp_path))
    assert ours.read_text() == theirs.read_text()
    assert '"resolved"' not in ours.read_text()


@each_row(languages=["node"])
def test_every_package_of_npm_is_installed_and_no_other(
    rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(project / name, tmp_path)

    npm("ci", cwd=tmp_path)

    assert "extraneous" not in npm("ls", "--all", cwd=tmp_path)


@each_row(languages=["node"], different=["framework"])
def test_only_what_is_compiled_is_packed(
    rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any]
) -> None:
    project = shutil.copytree(rendered(**answers), tmp_path / "shop")
    (project / "dist").mkdir()
    (project / "dist/main.js").touch()

    [packed] = json.loads(npm("pack", "--dry-run", "--json", cwd=project))

    paths = {file["path"] for file in packed["files"]}
    assert paths == {"README.md", "dist/main.js", "package.json"}


def test_a_service_on_node_cannot_be_called_like_a_package_it_needs(rendered: Rendered) -> None:
    records = {question.name: question.default for question in TEMPLATE.questions}
    for answers in rows():
        if language(answers) == "node":
            lock = json.loads((rendered(**answers) / "package-lock.json").read_text())
            locked = {path.rpartition("node_modules/")[2] for path in lock["packages"]}
            reserved = records[f"{STACK_RECORD}{answers['framework']}"]["reserved_names"]
            assert set(reserved) >= {name for name in locked if name and name[0] != "@"}


def npm(*arguments: str, cwd: Path) -> str:
    """What npm says; its complaint fails the test."""
    result = subprocess.run(
        ["npm", *arguments],
        cwd=cwd,
        env={**os.environ, **Node(find_node()).environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def in_python() -> list[Answers]:
    """The rows of services in Python."""
    return [answers for answers in rows() if language(answers) == "python"]


def requirements(lock: Path) -> set[str]:
    """The requirements of a lock without their hashes."""
    return set(re.findall(r"^(\S.*?) \\$", lock.read_text(), flags=re.MULTILINE))
