"""The other commands, and what all commands share."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, TextIO

import pytest

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.terminal import console
from scaffold.terminal.errors import Problem, suggestion
from scaffold.terminal.signals import Interrupted
from tests.combinations import TEMPLATE
from tests.tool.conftest import Scaffold

COMMANDS = ("new", "update", "change", "diff", "choices", "doctor", "verify")
TYPESCRIPT = ["fastify", "express", "nestjs"]


def test_choices_shows_every_choice_and_preset(scaffold: Scaffold) -> None:
    shown = scaffold("choices").out
    questionnaire = Questionnaire(Jinja(TEMPLATE))
    for question in TEMPLATE.asked:
        default = questionnaire.default(question)
        for title, value in question.choices.items():
            mark = "*" if value == default else " "
            assert f"  {mark} {value:<12}{title}\n" in shown
    for name, preset in TEMPLATE.presets.items():
        assert f"    {name:<12}{preset.help}\n" in shown


def test_choices_shows_frameworks_under_their_language(scaffold: Scaffold) -> None:
    shown = scaffold("choices").out
    [framework] = [question for question in TEMPLATE.asked if question.name == "framework"]
    languages = list(framework.groups.values())
    assert languages == sorted(languages, key=languages.index)  # each language once
    assert shown.startswith("framework  Which framework?\n  Python\n  * fastapi     FastAPI — ")
    assert "\n  TypeScript\n    fastify     Fastify — " in shown
    assert "\n    express     Express — " in shown
    assert "\n    nestjs      NestJS — " in shown


def test_choices_as_json_is_the_same(scaffold: Scaffold) -> None:
    told = json.loads(scaffold("choices", "--json").out)
    databases = [choice["value"] for choice in told["choices"]["database"]]
    assert databases == ["sqlite", "postgresql", "mysql", "mongodb"]
    assert told["stacks"]["fastapi"]["language"] == "python"
    groups = {choice["value"]: choice["group"] for choice in told["choices"]["framework"]}
    assert groups.pop("fastapi") == "Python"
    assert groups == dict.fromkeys(TYPESCRIPT, "TypeScript")
    assert {choice["group"] for choice in told["choices"]["database"]} == {""}
    assert told["presets"]["minimal"]["answers"]["auth"] == "none"


def test_choices_shows_which_answers_exclude_a_choice(scaffold: Scaffold) -> None:
    shown = scaffold("choices").out
    told = json.loads(scaffold("choices", "--json").out)["choices"]

    reason = "deliveries leave through the outbox of a queue"
    assert f"not with queue=none: {reason}\n" in shown
    [none, signed] = told["webhooks"]
    assert none["not_with"] == []
    assert {"question": "queue", "value": "none", "reason": reason} in signed["not_with"]
    # The default database excludes Kafka, whatever else is answered. A framework may do so, too.
    excluded = {choice["value"]: choice["not_with"] for choice in told["queue"]}
    assert [each["value"] for each in excluded["kafka"]] == [*TYPESCRIPT, "sqlite"]


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_the_packages(option: str, scaffold: Scaffold) -> None:
    assert scaffold(option).out.startswith("scaffold 0.")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_the_commands(arguments: tuple[str, ...], scaffold: Scaffold) -> None:
    outcome = scaffold(*arguments)
    assert outcome.code == 0
    assert all(f"\n  {command} " in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_readable_at_80_columns(
    command: str | None, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = scaffold(*([command] if command else []), "--help").out
    assert "Usage: scaffold" in shown and "--color WHEN" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert re.findall(r"<\w+>|\[\[|\{|\bNone\b", shown) == []


def test_the_help_of_new_has_a_flag_for_every_question(scaffold: Scaffold) -> None:
    shown = scaffold("new", "--help").out
    assert "\nAnswers:\n" in shown
    for question in TEMPLATE.asked:
        assert (f"--{question.name}" in shown) is (question.name != "name")
        assert not question.choices or "|".join(question.choices.values()) in shown


def test_the_help_of_new_lists_the_presets(scaffold: Scaffold) -> None:
    shown = " ".join(scaffold("new", "--help").out.split())
    assert "preset: starter, production or minimal." in shown


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not coloured(monkeypatch, terminal=False)
    assert coloured(monkeypatch, terminal=True)
    assert not coloured(monkeypatch, terminal=True, TERM="dumb")


def test_no_color_beats_force_color_and_the_option_beats_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    assert coloured(monkeypatch, terminal=False, FORCE_COLOR="1")
    assert not coloured(monkeypatch, terminal=True, **both)
    assert coloured(monkeypatch, "always", terminal=False, **both)
    assert not coloured(monkeypatch, "never", terminal=True, FORCE_COLOR="1")


def coloured(
    monkeypatch: pytest.MonkeyPatch, when: str = "auto", *, terminal: bool, **variables: str
) -> bool:
    """Whether an error is printed in colour."""
    with monkeypatch.context() as context:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            context.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", **variables}.items():
            context.setenv(name, value)
        stream = io.StringIO()
        vars(stream)["isatty"] = lambda: terminal
        context.setattr("sys.stderr", stream)
        console.use_colour(when)
        console.tell(Problem("wrong"))
    return stream.getvalue() == "\x1b[1;31merror\x1b[0m: wrong\n"


@pytest.mark.parametrize(
    "arguments",
    [("--color", "always", "nwe"), ("nwe", "--color=always"), ("new", "--nwe", "--color=always")],
)
def test_the_option_for_colour_stands_anywhere(
    arguments: tuple[str, ...], scaffold: Scaffold
) -> None:
    assert scaffold(*arguments).err.startswith("\x1b[1;31merror\x1b[0m: there is no ")


def test_progress_is_one_line_that_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    assert progress(monkeypatch, terminal=False) == ""
    assert progress(monkeypatch, terminal=True) == "\r\x1b[KFetching the templa\r\x1b[K"


def progress(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    stream = io.StringIO()
    vars(stream)["isatty"] = lambda: terminal
    with monkeypatch.context() as context, contextlib.suppress(OSError):
        context.setattr("sys.stderr", stream)
        with console.progress("Fetching the template from afar ..."):
            raise OSError
    return stream.getvalue()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(
    shell: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else Typer takes the shell that it runs under, and here that may be none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    outcome = scaffold("--show-completion", shell)
    assert outcome.code == 0
    assert "_SCAFFOLD_COMPLETE" in outcome.out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("new --database ", "sqlite postgresql mysql"),
        ("new --preset pro", "production"),
        ("new --set da", "database=sqlite database=postgresql database=mysql"),
        ("new --set database = ", "sqlite postgresql mysql"),
        ("new --set database = post", "postgresql"),
        ("new --set desc", "description="),
        ("change q", "queue=database queue=redis queue=rabbitmq queue=kafka queue=sqs queue=none"),
        ("change ./shop cac", "cache=memory cache=redis cache=memcached"),
        ("change queue = d", "database"),
        ("change ./shop queue = ", "database redis rabbitmq kafka sqs none"),
        ("diff auth = j", "jwt"),
        ("diff nothing = j", ""),
        ("update --set ci = g", "github"),
        ("update --set queue = none --set ci = g", "github"),
        ("new --database = post", "postgresql"),
        ("verify --only DB-", "DB-1"),
        ("choi", "choices"),
        ("update --ab", "--abort"),
    ],
)
def test_bash_completes(
    typed: str, words: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bash gives `=` as a word of its own, and the script of Typer a line for each word."""
    line = ["scaffold", *typed.split(" ")]
    monkeypatch.setenv("_SCAFFOLD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(line))
    monkeypatch.setenv("COMP_CWORD", str(len(line) - 1))
    monkeypatch.setenv("_SCAFFOLD_COMPLETE_NAME", "")
    found = scaffold().out.split()
    assert set(words.split()) <= set(found)
    assert words or not found


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("new --preset min", "minimal"),
        ("new --set database=p", "database=postgresql"),
        ("change queue=n", "queue=none"),
    ],
)
def test_fish_completes(
    typed: str, word: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_SCAFFOLD_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"scaffold {typed}")
    assert [line.partition("\t")[0] for line in scaffold().out.splitlines()] == [word]


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


@pytest.mark.parametrize("typed", [True, False])
def test_verify_takes_passwords_from_the_environment_or_the_terminal(
    typed: bool, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, Any] = {}
    monkeypatch.setattr(
        "scaffold.conformance.cli.verify", lambda _, **options: handed.update(options) or 0
    )
    if typed:
        monkeypatch.setattr("scaffold.terminal.console.is_terminal", lambda: True)
        monkeypatch.setattr("getpass.getpass", lambda prompt, **_: f"typed for {prompt}")
    else:
        monkeypatch.setenv("VERIFY_PASSWORD", "from outside")
    outcome = scaffold("verify", "http://localhost", "--email", "ada@example.com")
    assert outcome.code == 0, outcome.err
    expected = "typed for Password of ada@example.com: " if typed else "from outside"
    assert (handed["password"], handed["admin_password"]) == (expected, None)


def test_a_password_prompt_that_is_interrupted_leaves_its_line(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(prompt: str, stream: TextIO) -> str:
        stream.write(prompt)
        raise Interrupted

    monkeypatch.setattr("scaffold.terminal.console.is_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", interrupt)
    outcome = scaffold("verify", "http://localhost", "--email", "ada@example.com")
    assert outcome.code == 130
    assert outcome.err.startswith("Password of ada@example.com: \nerror: interrupted\n")


@pytest.mark.parametrize(
    ("word", "close"),
    [
        ("nwe", "new"),
        ("dif", "diff"),
        ("verfy", "verify"),
        ("upd", "update"),
        ("x", None),
        ("no", None),
        ("shop", None),
        ("delete", None),
    ],
)
def test_only_a_similar_word_is_suggested(word: str, close: str | None) -> None:
    hint = suggestion(word, ["new", "update", "diff", "verify", "none"], sentence="there are")
    assert hint.startswith(f"did you mean '{close}'? There are" if close else "there are")


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


INTERVIEW = {"copier", "prompt_toolkit", "questionary"}
"""Packages that only the interview and rendering need."""
HELP = INTERVIEW | {"httpx", "jinja2", "pydantic", "rich"}


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["--help"], HELP),
        *(([command, "--help"], HELP) for command in COMMANDS),
        (["choices"], HELP - {"jinja2"}),  # it evaluates with Jinja what excludes a choice
        (["doctor", "shop"], INTERVIEW | {"httpx"}),  # it evaluates the answers with Jinja
    ],
)
def test_quick_commands_import_nothing_heavy(
    command: list[str], heavy: set[str], scaffold: Scaffold
) -> None:
    if "shop" in command:
        scaffold("new", "shop", "--defaults", "--no-git")
    code = (
        f"import sys; from scaffold.cli.app import run; run({command!r});"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
