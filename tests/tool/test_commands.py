"""The other commands, and what all commands share."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import TEMPLATE
from tests.tool.conftest import Scaffold


def test_choices_shows_every_choice_and_preset(scaffold: Scaffold) -> None:
    shown = scaffold("choices").out
    for question in TEMPLATE.asked:
        for title, value in question.choices.items():
            mark = "*" if value == question.default else " "
            assert f"  {mark} {value:<12}{title}\n" in shown
    for name, preset in TEMPLATE.presets.items():
        assert f"    {name:<12}{preset.help}\n" in shown


def test_choices_as_json_is_the_same(scaffold: Scaffold) -> None:
    told = json.loads(scaffold("choices", "--json").out)
    assert [choice["value"] for choice in told["choices"]["database"]] == ["sqlite", "postgresql"]
    assert told["stacks"]["fastapi"]["language"] == "python"
    assert told["presets"]["minimal"]["answers"]["auth"] == "none"


def test_the_version_is_the_packages(scaffold: Scaffold) -> None:
    assert scaffold("--version").out.startswith("scaffold 0.")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_the_commands(arguments: tuple[str, ...], scaffold: Scaffold) -> None:
    outcome = scaffold(*arguments)
    assert outcome.code == 0
    assert all(command in outcome.out for command in ("new", "choices", "verify"))


def test_the_help_of_new_has_a_flag_for_every_question(scaffold: Scaffold) -> None:
    shown = scaffold("new", "--help").out
    assert "Answers" in shown
    for question in TEMPLATE.asked:
        assert (f"--{question.name}" in shown) is (question.name != "name")
        assert not question.choices or "|".join(question.choices.values()) in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(
    shell: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else Typer takes the shell that it runs under, and here that may be none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    outcome = scaffold("--show-completion", shell)
    assert outcome.code == 0
    assert "_SCAFFOLD_COMPLETE" in outcome.out


def test_values_are_completed(scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_SCAFFOLD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "scaffold new --database ")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert scaffold().out.split() == ["sqlite", "postgresql"]


def test_verify_hands_over_and_leaves_with_the_suites_code(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, Any] = {}

    def verify(url: str, **options: Any) -> int:
        handed.update(options, url=url)
        return 1

    suite = types.ModuleType("scaffold.conformance")
    vars(suite)["cli"] = types.SimpleNamespace(verify=verify)
    monkeypatch.setitem(sys.modules, "scaffold.conformance", suite)
    outcome = scaffold("verify", "http://localhost:1", "--only", "API-9", "--timeout", "2")
    assert outcome.code == 1
    assert (handed["url"], handed["only"], handed["timeout"]) == (
        "http://localhost:1",
        ["API-9"],
        2,
    )


def test_a_reader_that_leaves_early_is_no_problem() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "scaffold", "choices"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_without_a_standard_input_there_is_no_terminal(workplace: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m scaffold new shop <&-"
    result = subprocess.run(
        ["sh", "-c", command], cwd=workplace, capture_output=True, text=True, check=False
    )
    assert result.stderr.startswith("error: there is no terminal to ask questions on\n")
    assert result.returncode == 2


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from scaffold.terminal import console

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console._painted("error", "31") == "\x1b[1;31merror\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert console._painted("error", "31") == "error"


INTERVIEW = {"copier", "prompt_toolkit", "questionary"}
"""Packages that only the interview and rendering need."""


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["--help"], INTERVIEW | {"httpx", "jinja2", "pydantic"}),
        (["choices"], INTERVIEW | {"httpx", "jinja2"}),
        (["doctor", "shop"], INTERVIEW | {"httpx"}),  # it evaluates the answers with Jinja
    ],
)
def test_quick_commands_import_nothing_heavy(
    command: list[str], heavy: set[str], scaffold: Scaffold
) -> None:
    scaffold("new", "shop", "--defaults", "--no-git")
    code = (
        f"import sys; from scaffold.cli.app import run; run({command!r});"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
