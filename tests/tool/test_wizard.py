"""The wizard: driven key by key through a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from scaffold import wizard
from scaffold.jinja import Jinja
from scaffold.problems import Problem
from scaffold.questions import Questionnaire
from scaffold.signals import Interrupted
from scaffold.template import load
from tests.combinations import TEMPLATE
from tests.tool.conftest import Scaffold
from tests.tool.test_bad_input import listing
from tests.tool.test_new import answers_of
from tests.tool.test_questions import template

ENTER, DOWN, UP, BACK, INTERRUPT, END = "\r", "\x1b[B", "\x1b[A", "\x1b[Z", "\x03", "\x04"

Ask = Callable[..., wizard.Outcome]


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def ask(keys: PipeInput) -> Ask:
    """`ask("shop", ENTER, name=…)` types these and gives the answers."""

    def run(*typed: str, preset: str | None = None, **given: Any) -> wizard.Outcome:
        keys.send_text("".join(typed))
        return wizard.ask(Questionnaire(Jinja(TEMPLATE)), given, preset=preset)

    return run


def test_name_preset_description_and_done(ask: Ask) -> None:
    answers, preset = ask("shop", ENTER, DOWN, ENTER, ENTER, ENTER)
    assert preset == "production"
    assert answers["name"] == "shop"
    assert answers["database"] == "postgresql"
    assert answers["description"] == "Takes orders and confirms them"


def test_each_part_can_be_chosen(ask: Ask) -> None:
    individually = (UP, ENTER)
    description, postgresql, jwt, none, ci = ENTER, DOWN + ENTER, ENTER, DOWN + ENTER, ENTER
    answers, preset = ask(*individually, description, postgresql, jwt, none, ci, ENTER, name="shop")
    assert preset is None
    assert (answers["database"], answers["auth"], answers["queue"]) == ("postgresql", "jwt", "none")


def test_a_question_with_a_single_choice_is_not_asked(ask: Ask) -> None:
    answers, _ = ask(UP, ENTER, *(ENTER,) * 5, ENTER, name="shop")
    assert {"framework", "cache"}.isdisjoint(answers)


def test_what_was_given_is_not_asked(ask: Ask) -> None:
    answers, _ = ask(ENTER, ENTER, ENTER, name="shop", database="postgresql")
    assert answers["database"] == "postgresql"


def test_a_given_preset_is_not_asked_for(ask: Ask) -> None:
    given = TEMPLATE.presets["minimal"].answers
    answers, preset = ask(ENTER, ENTER, preset="minimal", name="shop", **given)
    assert (preset, answers["auth"]) == ("minimal", "none")


def test_an_answer_that_is_not_valid_is_asked_for_again(ask: Ask) -> None:
    erase = "\x7f" * 4
    answers, _ = ask("Shop", ENTER, erase, "shop", ENTER, ENTER, ENTER, ENTER)
    assert answers["name"] == "shop"


def test_shift_tab_goes_back(ask: Ask) -> None:
    answers, preset = ask("shop", ENTER, DOWN, ENTER, BACK, DOWN, DOWN, ENTER, ENTER, ENTER)
    assert (preset, answers["auth"]) == ("minimal", "none")


def test_shift_tab_at_the_first_question_stays_there(ask: Ask) -> None:
    assert ask(BACK, "shop", ENTER, ENTER, ENTER, ENTER)[0]["name"] == "shop"


def test_shift_tab_at_the_summary_asks_the_last_question_again(ask: Ask) -> None:
    answers, _ = ask(ENTER, ENTER, BACK, " quickly", ENTER, ENTER, name="shop")
    assert answers["description"] == "Takes orders and confirms them quickly"


def test_the_summary_can_change_an_answer(ask: Ask) -> None:
    change_database = DOWN * 2 + ENTER
    answers, preset = ask(ENTER, ENTER, change_database, DOWN, ENTER, ENTER, name="shop")
    assert (preset, answers["database"]) == ("starter", "postgresql")


@pytest.mark.parametrize("gave_up", [INTERRUPT, UP + ENTER], ids=["Ctrl-C", "stop here"])
def test_giving_up_at_the_summary_interrupts(ask: Ask, gave_up: str) -> None:
    with pytest.raises(Interrupted) as interruption:
        ask(ENTER, ENTER, gave_up, name="shop")
    assert interruption.value.exit_code == 130


def test_the_end_of_the_input_interrupts(ask: Ask) -> None:
    with pytest.raises(Interrupted):
        ask(END)


def test_a_bad_answer_given_beforehand_is_told_before_anything_is_asked(ask: Ask) -> None:
    with pytest.raises(Problem, match="no choice"):
        ask(name="shop", ci="gitlab")


def test_a_yes_or_no_question_is_asked_as_one(keys: PipeInput, tmp_path: Path) -> None:
    root = template(tmp_path, "loud: {type: bool, help: Loud?, default: false}")
    keys.send_text("y" + ENTER)
    answers, _ = wizard.ask(Questionnaire(Jinja(load(root))), {"name": "shop"}, preset="any")
    assert answers["loud"] is True


def test_on_a_terminal_new_asks_and_teaches_the_command(
    scaffold: Scaffold, workplace: Path, keys: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.console.is_terminal", lambda: True)
    keys.send_text("".join(["shop", ENTER, DOWN, ENTER, ENTER, ENTER]))
    outcome = scaffold("new", "--auth", "none", "--no-git")
    assert outcome.code == 0
    assert outcome.err.endswith(
        "\nThe same without questions:\n"
        "  scaffold new shop --preset production --auth none --no-git\n"
    )
    assert answers_of(workplace / "shop")["database"] == "postgresql"


def test_the_command_that_is_taught_makes_the_same_project(
    scaffold: Scaffold, workplace: Path, keys: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.console.is_terminal", lambda: True)
    keys.send_text("".join([UP, ENTER, ", don't they", ENTER, DOWN, ENTER, *(ENTER,) * 3, ENTER]))
    taught = scaffold("new", "a/shop").err.splitlines()[-1].strip()
    assert taught == (
        "scaffold new a/shop --defaults "
        """--description 'Takes orders and confirms them, don'"'"'t they' --database postgresql"""
    )


def test_ctrl_c_in_the_wizard_leaves_nothing(
    scaffold: Scaffold, workplace: Path, keys: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.console.is_terminal", lambda: True)
    keys.send_text("".join(["shop", ENTER, INTERRUPT]))
    outcome = scaffold("new")
    assert outcome.code == 130
    assert outcome.err.endswith(
        "error: interrupted\n\nhint: nothing was written; run the command again\n"
    )
    assert listing(workplace) == []


@pytest.mark.parametrize("option", ["--defaults", "--json"])
def test_on_a_terminal_nothing_is_asked_with(
    option: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.console.is_terminal", lambda: True)
    assert scaffold("new", "shop", "--ci", "none", option).code == 0
