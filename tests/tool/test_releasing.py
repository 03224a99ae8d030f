"""A release has one version, notes that people can read, and workflows without a fault."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import release
from tests.combinations import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
HOSTS = re.compile("|".join(("py" + "pi", "python" + "hosted")))
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- A wonder.\n\n## 1.2.0\n\n- A start.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The two files that know the version: 1.2.0 is out, and there is news since."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_changelog_begins_with_this_version_or_what_comes_after_it() -> None:
    newest, *_ = release.sections(ROOT)
    assert newest in (release.UNRELEASED, release.version_of(ROOT))
    assert release.notes(ROOT, newest)


def test_preparing_writes_the_version_and_the_heading(root: Path) -> None:
    release.main(["prepare", "1.3.0"], root)
    assert release.version_of(root) == "1.3.0"
    assert list(release.sections(root)) == ["1.3.0", "1.2.0"]
    release.main(["check", "v1.3.0"], root)


def test_the_notes_are_the_section_of_that_release(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release.main(["notes", "v1.2.0"], root)
    assert capsys.readouterr().out == "- A start.\n"


@pytest.mark.parametrize(
    ("changelog", "arguments", "told"),
    [
        (CHANGELOG, "prepare 1.3", "1.3 is no version like 0.2.0"),
        (CHANGELOG, "prepare 1.1.9", "1.1.9 is older than 1.2.0"),
        (CHANGELOG, "prepare 1.2.0", "CHANGELOG.md has a section 1.2.0 already"),
        (
            CHANGELOG.replace("- A wonder.", ""),
            "prepare 1.3.0",
            "CHANGELOG.md says nothing under Unreleased",
        ),
        ("# Changelog\n", "prepare 1.3.0", "CHANGELOG.md has no section Unreleased"),
        (
            CHANGELOG,
            "check v1.3.0",
            "the tag v1.3.0 does not say version 1.2.0 of pyproject.toml",
        ),
        ("# Changelog\n", "check v1.2.0", "CHANGELOG.md has no section 1.2.0"),
        ("## 1.2.0\n", "check v1.2.0", "the section 1.2.0 of CHANGELOG.md is empty"),
        (CHANGELOG, "notes v9.9.9", "CHANGELOG.md has no section 9.9.9"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    root: Path, changelog: str, arguments: str, told: str
) -> None:
    (root / "CHANGELOG.md").write_text(changelog)
    with pytest.raises(SystemExit) as refusal:
        release.main(arguments.split(), root)
    assert refusal.value.code == f"error: {told}"


def test_there_are_workflows_for_pushes_releases_and_drift() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "drift", "release"]


@pytest.mark.parametrize(
    "linter",
    [
        ("actionlint",),
        ("zizmor", "--offline", "--no-progress"),
        ("check-jsonschema", "--builtin-schema=vendor.github-workflows"),
    ],
    ids=lambda linter: linter[0],
)
def test_the_workflows_give_their_linters_nothing_to_say(linter: tuple[str, ...]) -> None:
    name, *options = linter
    result = subprocess.run(
        [Path(sys.executable).with_name(name), *options, *WORKFLOWS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_and_names_no_registry(workflow: Path) -> None:
    text = workflow.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
    assert not HOSTS.search(text)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_commands_that_exist(workflow: Path) -> None:
    text = workflow.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)$", text, re.MULTILINE)) <= targets
    files = re.findall(r"(?:scripts/\w+\.py|\.ci/\w+)", text)
    assert files
    assert [name for name in files if not (ROOT / name).is_file()] == []
