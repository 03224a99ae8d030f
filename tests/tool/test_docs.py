"""What the documents say is so: links lead somewhere, commands and tables are the real ones."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

import pytest

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.terminal.errors import ExitCode
from scaffold.terminal.signals import Interrupted
from tests.combinations import ROOT, TEMPLATE
from tests.tool.conftest import Scaffold

PAGES = [
    ROOT / "README.md",
    ROOT / "AGENTS.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.removeprefix("$ ").partition("  #")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.startswith("scaffold new shop --")]
)
def test_the_commands_of_the_readme_work(command: str, scaffold: Scaffold, workplace: Path) -> None:
    (workplace / "answers.yml").write_text("database: postgresql\n")
    assert scaffold(*shlex.split(command)[1:]).code == 0


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if re.match("scaffold (update|change|diff)", command)],
)
def test_the_commands_for_a_project_work(
    command: str, scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaffold("new", "shop", "--defaults")
    monkeypatch.chdir(workplace / "shop")
    assert scaffold(*shlex.split(command)[1:]).code == 0


def test_the_readme_begins_with_the_two_commands() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    assert README.index("make test") < README.index("## ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """Those of this repository, and some of the service's."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets |= {"asyncapi", "dev", "run", "migrate", "worker"}
    named = set(re.findall(r"`make ([a-z]+)`|^\$ make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert {first or second for first, second in named} <= targets


def test_the_readme_names_every_choice() -> None:
    for question in TEMPLATE.asked:
        if question.choices:
            row = next(
                line for line in README.splitlines() if line.startswith(f"| {question.name} |")
            )
            named = re.findall(r"`(\w+)`( \(default\))?", row)
            assert [value for value, _ in named] == list(question.choices.values())
            defaults = [value for value, default in named if default] or [named[0][0]]
            assert defaults == [Questionnaire(Jinja(TEMPLATE)).default(question)]


def test_the_guide_names_every_option_of_new(scaffold: Scaffold) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    flags = {f"--{question.name}" for question in TEMPLATE.asked}
    options = set(re.findall(r"^  (--[a-z-]+)", scaffold("new", "--help").out, re.MULTILINE))
    assert len(options) > 10
    assert [option for option in sorted(options - flags) if f"`{option}" not in guide] == []


@pytest.mark.parametrize("command", ["update", "change", "diff"])
def test_the_page_of_updates_names_every_option(command: str, scaffold: Scaffold) -> None:
    pages = "".join((ROOT / "docs" / f"{page}.md").read_text() for page in ("updating", "guide"))
    options = set(
        re.findall(r"^  (?:-y, )?(--[a-z-]+)", scaffold(command, "--help").out, re.MULTILINE)
    )
    assert len(options) > 4
    assert [option for option in sorted(options) if f"{option}" not in pages] == []


def test_the_guide_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/guide.md").read_text(), re.MULTILINE)
    signals = [Interrupted(number).exit_code for number in (SIGHUP, SIGINT, SIGTERM)]
    assert [int(row) for row in rows] == [*ExitCode, *signals]


def test_the_architecture_lists_every_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    files = (ROOT / "src/scaffold").glob("*/*.py")
    modules = {file.stem for file in files if file.parent.name != "conformance"} - {"__init__"}
    assert len(modules) > 30
    assert sorted(module for module in modules if f"`{module}`" not in page) == []


def test_no_page_names_a_host_of_a_registry() -> None:
    hosts = re.compile("|".join(("py" + "pi", "python" + "hosted", "npm" + "js")))
    texts = [*PAGES, ROOT / "requirements-dev.txt", ROOT / "pyproject.toml", ROOT / "Makefile"]
    assert [path.name for path in texts if hosts.search(path.read_text())] == []
