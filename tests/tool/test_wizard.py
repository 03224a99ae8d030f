"""Which question the interview asks and when, in line mode."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scaffold.interview import dialogue
from scaffold.interview.plain import Plain
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import Template, load
from scaffold.terminal.errors import Problem
from scaffold.terminal.signals import Interrupted
from tests.combinations import TEMPLATE
from tests.tool.conftest import Scaffold, tree
from tests.tool.test_bad_input import listing
from tests.tool.test_new import answers_of
from tests.tool.test_questions import template

ENTER, BACK, CREATE = "", "b", "create"

Type = Callable[..., None]
Ask = Callable[..., dialogue.Collected]
Revise = Callable[..., Mapping[str, Any]]


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Type:
    """`typing("shop", ENTER)` is what the user will type, a line each."""

    def lines(*typed: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in typed)))

    return lines


@pytest.fixture
def ask(typing: Type) -> Ask:
    """`ask("shop", ENTER, name=…)` types these lines and gives the answers."""

    def run(
        *typed: str, of: Template = TEMPLATE, preset: str | None = None, **given: Any
    ) -> dialogue.Collected:
        typing(*typed)
        return dialogue.ask(
            Questionnaire(Jinja(of)), given, preset=preset, asker=Plain(), preview=no_preview
        )

    return run


def no_preview(answers: object, rows: int) -> list[str]:
    return [f"at most {rows} lines"]


EXCLUSIVE = """\
database:
  type: str
  help: Data?
  choices: {SQLite — a file: sqlite, PostgreSQL — a server: postgresql}
  default: sqlite
queue:
  type: str
  help: Events?
  choices:
    Kafka — a broker:
      value: kafka
      validator: "{% if database == 'sqlite' %}needs PostgreSQL{% endif %}"
    Table — in the database: table
    None — no events: none
  default: kafka
topic: {type: str, help: Which topic, default: events, when: "{{ queue == 'kafka' }}"}
_scaffold_presets:
  big: {help: Everything, answers: {database: postgresql, queue: kafka}}
  small: {help: Little, answers: {database: sqlite, queue: none}}
"""


@pytest.fixture
def exclusive(tmp_path: Path) -> Template:
    """A template where Kafka needs PostgreSQL, and a topic needs Kafka."""
    return load(template(tmp_path, EXCLUSIVE))


LEADING = """\
_scaffold_presets:
  big: {help: Everything, answers: {size: 9}}
  small: {help: Little, answers: {size: 1}}
  red: {help: Red, answers: {colour: red, size: 1}}
_scaffold_groups:
  colour: {records: colour_, fact: kind, titles: kinds}
kinds: {type: yaml, when: false, default: {warm: {title: Warm}, cold: {title: Cold}}}
colour_red: {type: yaml, when: false, default: {kind: warm}}
colour_blue: {type: yaml, when: false, default: {kind: cold}}
paint: {type: bool, help: Paint?, default: false}
colour:
  type: str
  help: Colour?
  choices: {Red — like a rose: red, Blue — like the sea: blue}
  default: red
name: {type: str, help: Name?}
size:
  type: int
  help: Size?
  choices:
    Nine: 9
    One: {value: 1, validator: "{% if colour == 'blue' %}blue is for large ones{% endif %}"}
  default: 9
"""


def leading(folder: Path) -> Template:
    """A template with two questions before the name, one of them with headings."""
    (folder / "copier.yml").write_text(LEADING)
    return load(folder)


def test_name_framework_preset_description_and_done(ask: Ask) -> None:
    answers, preset = ask("shop", "fastify", "production", ENTER, CREATE)
    assert preset == "production"
    assert (answers["name"], answers["framework"]) == ("shop", "fastify")
    assert answers["database"] == "postgresql"
    assert answers["description"] == "Takes orders and confirms them"


def test_a_name_that_is_given_is_not_asked_for(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(ENTER, ENTER, ENTER, CREATE, name="shop")
    assert "What is the service called?" not in capsys.readouterr().err


def test_the_questions_before_the_name_come_after_it_and_before_the_preset(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, preset = ask("shop", "no", "blue", "big", CREATE, of=leading(tmp_path))
    asked = re.findall(r"\n(.*\?)\n", capsys.readouterr().err.partition("Create shop")[0])
    assert asked == ["Name?", "Paint?", "Colour?", "What kind of service?"]
    assert (preset, answers["colour"], answers["size"]) == ("big", "blue", 9)


def test_back_leads_along_the_questions_before_the_name(ask: Ask, tmp_path: Path) -> None:
    typed = ("shop", "yes", "blue", BACK, BACK, BACK, "till", "no", "red", "big", CREATE)
    answers, _ = ask(*typed, of=leading(tmp_path))
    assert answers == {"name": "till", "paint": False, "colour": "red", "size": 9}


def test_a_question_before_the_name_may_be_answered_by_the_preset(ask: Ask, tmp_path: Path) -> None:
    answers, _ = ask("no", CREATE, of=leading(tmp_path), name="shop", preset="red")
    assert (answers["colour"], answers["size"]) == ("red", 1)


def test_an_answer_to_a_question_before_the_name_that_is_not_valid_is_told_at_once(
    ask: Ask,
) -> None:
    with pytest.raises(Problem, match="framework has no choice 'rails'"):
        ask(name="shop", framework="rails")


def test_an_answer_of_the_preset_that_the_framework_excludes_is_asked_for(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, preset = ask("no", "blue", "small", ENTER, CREATE, of=leading(tmp_path), name="shop")
    assert "\nSize?\nsize cannot be 1: blue is for large ones\n" in capsys.readouterr().err
    assert (preset, answers["size"]) == ("small", 9)


def test_each_part_can_be_chosen(ask: Ask) -> None:
    each = ("fastapi", "custom", ENTER, "postgresql", "jwt", "none", "memory", ENTER, ENTER)
    answers, preset = ask(*each, CREATE, name="shop")
    assert preset is None
    assert (answers["database"], answers["auth"], answers["queue"]) == ("postgresql", "jwt", "none")


def test_a_question_with_a_single_choice_is_not_asked(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    single = "framework: {type: str, help: Which?, choices: {FastAPI: fastapi}, default: fastapi}"
    answers, _ = ask("shop", CREATE, of=load(template(tmp_path, single)))
    assert "framework" not in answers
    assert "- framework: FastAPI (the only choice)\n" in capsys.readouterr().err


def test_what_was_given_is_not_asked(ask: Ask) -> None:
    answers, _ = ask(*(ENTER,) * 3, CREATE, name="shop", database="postgresql")
    assert answers["database"] == "postgresql"


def test_no_preset_is_asked_for_when_all_that_it_decides_was_given(ask: Ask) -> None:
    given = {"framework": "fastapi", "database": "sqlite", "auth": "none", "queue": "none"}
    given |= {"cache": "memory", "webhooks": "none", "ci": "none"}
    answers, preset = ask("Sells", CREATE, name="shop", **given)
    assert (preset, answers["description"]) == (None, "Sells")


def test_a_given_preset_is_not_asked_for(ask: Ask) -> None:
    answers, preset = ask(ENTER, ENTER, CREATE, preset="minimal", name="shop")
    assert (preset, answers["auth"]) == ("minimal", "none")


def test_a_given_preset_can_be_changed_in_the_summary(ask: Ask) -> None:
    typed = (ENTER, ENTER, "preset", "starter", CREATE)
    answers, preset = ask(*typed, preset="minimal", name="shop")
    assert (preset, answers["auth"]) == ("starter", "jwt")


def test_an_unknown_preset_is_told_before_anything_is_asked(ask: Ask) -> None:
    with pytest.raises(Problem, match="there is no preset 'huge'"):
        ask(preset="huge", name="shop")


def test_an_answer_that_is_not_valid_is_asked_for_again(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, _ = ask("Shop", "shop", ENTER, ENTER, ENTER, CREATE)
    assert answers["name"] == "shop"
    assert "The name 'Shop' must be 2 to 40 lower-case letters" in capsys.readouterr().err


def test_back_asks_the_question_before(ask: Ask) -> None:
    answers, preset = ask("shop", ENTER, "production", BACK, "minimal", ENTER, CREATE)
    assert (preset, answers["auth"]) == ("minimal", "none")


def test_back_at_the_first_question_stays_there(ask: Ask) -> None:
    assert ask(BACK, "shop", ENTER, ENTER, ENTER, CREATE)[0]["name"] == "shop"


def test_back_leads_over_the_preset_to_the_name(ask: Ask) -> None:
    typed = ("shop", ENTER, "production", BACK, BACK, BACK, "store", ENTER, ENTER, ENTER, CREATE)
    answers, preset = ask(*typed)
    assert (answers["name"], preset) == ("store", "production")


def test_an_answer_that_is_asked_for_again_is_remembered(ask: Ask) -> None:
    answers, _ = ask(ENTER, ENTER, "Sells", BACK, BACK, ENTER, ENTER, CREATE, name="shop")
    assert answers["description"] == "Sells"


def test_back_at_the_summary_asks_the_last_question_again(ask: Ask) -> None:
    answers, _ = ask(ENTER, ENTER, ENTER, BACK, "Sells", CREATE, name="shop")
    assert answers["description"] == "Sells"


def test_the_summary_can_change_an_answer(ask: Ask) -> None:
    answers, preset = ask(*(ENTER,) * 3, "database", "postgresql", CREATE, name="shop")
    assert (preset, answers["database"]) == ("starter", "postgresql")


def test_back_in_a_change_keeps_the_answer(ask: Ask) -> None:
    answers, _ = ask(ENTER, ENTER, ENTER, "database", BACK, CREATE, name="shop")
    assert answers["database"] == "sqlite"


def test_another_preset_in_the_summary_decides_its_parts_anew(ask: Ask) -> None:
    each = (ENTER, "custom", ENTER, "postgresql", ENTER, "none", ENTER, ENTER, ENTER)
    answers, preset = ask(*each, "preset", "starter", CREATE, name="shop")
    assert (preset, answers["database"], answers["queue"]) == ("starter", "sqlite", "database")


def test_each_part_in_the_summary_begins_with_the_preset(ask: Ask) -> None:
    answers, preset = ask(
        ENTER, "production", ENTER, "preset", "custom", *(ENTER,) * 6, CREATE, name="shop"
    )
    assert (preset, answers["database"]) == (None, "postgresql")


def test_another_framework_in_the_summary_asks_for_what_it_lacks(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = (*(ENTER,) * 3, "database", "mongodb", "framework", "fastify", "mysql", CREATE)
    answers, preset = ask(*typed, name="shop")
    assert (answers["framework"], answers["database"], preset) == ("fastify", "mysql", "starter")
    said = "database cannot be 'mongodb': Fastify does not have it yet"
    assert f"\nWhere does it keep its data?\n{said}\n" in capsys.readouterr().err


def test_frameworks_are_shown_under_their_language(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(*(ENTER,) * 3, CREATE, name="shop")
    shown = capsys.readouterr().err.partition("Which framework?\n")[2].splitlines()
    assert [shown[0], shown[2]] == ["  Python", "  TypeScript"]
    assert shown[1].startswith("    1. FastAPI: ") and shown[3].startswith("    2. Fastify: ")


def test_the_summary_shows_every_answer_and_why_some_are_fixed(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(ENTER, ENTER, ENTER, CREATE, name="shop")
    summary = capsys.readouterr().err.partition("Select one to change it.\n")[2]
    assert summary.splitlines()[:13] == [
        "  1. create: Create the service",
        "  2. files: Show the files first",
        "  3. framework: FastAPI",
        "  - name: shop (from PATH)",
        "  4. preset: starter",
        "  5. description: Takes orders and confirms them",
        "  6. database: SQLite",
        "  7. auth: JWT",
        "  8. queue: Database",
        "  9. cache: Memory",
        "  10. webhooks: None",
        "  11. ci: GitHub Actions",
        "  12. cancel: Write nothing",
    ]


def test_the_files_can_be_seen_before_they_are_made(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(ENTER, ENTER, ENTER, "files", CREATE, name="shop")
    assert "\nThe files of shop\n  at most 20 lines\n" in capsys.readouterr().err


def test_a_choice_that_others_exclude_is_shown_with_the_reason(
    ask: Ask, exclusive: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, _ = ask("custom", "sqlite", "kafka", ENTER, CREATE, of=exclusive, name="shop")
    shown = capsys.readouterr().err
    assert "  - Kafka (unavailable: needs PostgreSQL)\n  1. Table: in the database\n" in shown
    assert "Answer [Table]: Kafka is unavailable: needs PostgreSQL.\nAnswer [Table]: " in shown
    assert answers["queue"] == "table"


def test_an_answer_that_became_impossible_is_asked_for_again(
    ask: Ask, exclusive: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, _ = ask(
        "big", "orders", "database", "sqlite", "none", CREATE, of=exclusive, name="shop"
    )
    assert "\nEvents?\nqueue cannot be 'kafka': needs PostgreSQL\n" in capsys.readouterr().err
    assert answers == {"name": "shop", "database": "sqlite", "queue": "none"}


def test_an_answer_of_a_preset_that_a_flag_excludes_is_asked_for(
    ask: Ask, exclusive: Template
) -> None:
    answers, _ = ask("big", "none", CREATE, of=exclusive, name="shop", database="sqlite")
    assert answers["queue"] == "none"


def test_a_question_that_begins_to_apply_is_asked(ask: Ask, exclusive: Template) -> None:
    answers, _ = ask(
        *("small", "database", "postgresql", "queue", "kafka", "orders", CREATE),
        of=exclusive, name="shop",
    )  # fmt: skip
    assert answers["topic"] == "orders"


def test_an_answer_that_no_longer_applies_returns_as_what_is_offered(
    ask: Ask, exclusive: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, _ = ask(
        *("big", "orders", "queue", "none", "queue", "kafka", ENTER, CREATE),
        of=exclusive, name="shop",
    )  # fmt: skip
    assert answers["topic"] == "orders"
    assert "does not apply" not in capsys.readouterr().err


def test_back_passes_over_a_question_that_no_longer_applies(ask: Ask, exclusive: Template) -> None:
    answers, _ = ask(
        *("custom", "postgresql", "kafka", "orders", "queue", "none"),
        *(BACK, "table", CREATE),
        of=exclusive, name="shop",
    )  # fmt: skip
    assert answers["queue"] == "table"


def test_back_passes_each_question_once(ask: Ask, exclusive: Template) -> None:
    asked_twice = ("custom", "postgresql", "kafka", "orders", "database", "sqlite", "none")
    answers, _ = ask(
        *asked_twice, BACK, BACK, "postgresql", "kafka", ENTER, CREATE, of=exclusive, name="shop"
    )
    assert (answers["database"], answers["queue"]) == ("postgresql", "kafka")


def test_a_template_without_presets_asks_for_none(ask: Ask, tmp_path: Path) -> None:
    root = template(tmp_path, "port: {type: int, help: Which port, default: 80}")
    answers, preset = ask("many", "8000", CREATE, of=load(root), name="shop")
    assert (answers["port"], preset) == ("8000", None)


def test_a_yes_or_no_question_is_asked_as_one(ask: Ask, tmp_path: Path) -> None:
    root = template(tmp_path, "loud: {type: bool, help: Is it loud, default: false}")
    assert ask("yes", CREATE, of=load(root), name="shop")[0]["loud"] is True


@pytest.mark.parametrize("default", ["''", "'{{ nothing }}'"])
def test_a_default_that_is_not_valid_is_a_fault_of_the_template(
    default: str, ask: Ask, tmp_path: Path
) -> None:
    root = template(
        tmp_path,
        f"a: {{type: str, default: {default}, validator: '{{% if not a %}}bad{{% endif %}}'}}",
    )
    with pytest.raises(Problem):
        ask(CREATE, of=load(root), name="shop")


def test_a_question_mark_explains(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    ask("?", ENTER, ENTER, "?", ENTER, CREATE, name="shop")
    shown = capsys.readouterr().err
    assert "Type a number or a name." in shown
    assert "Type a text." in shown


@pytest.mark.parametrize("number", ["0", "5", "mongodb", "²"])
def test_a_choice_that_there_is_not_is_told_in_one_line(
    number: str, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(ENTER, number, ENTER, ENTER, CREATE, name="shop")
    told = f"Answer [starter]: There is no choice {number}: type a number from 1 to 4, or a name.\n"
    assert told in capsys.readouterr().err


def test_stopping_at_the_summary_interrupts(ask: Ask) -> None:
    with pytest.raises(Interrupted) as interruption:
        ask(ENTER, ENTER, ENTER, "cancel", name="shop")
    assert interruption.value.exit_code == 130


def test_the_end_of_the_input_interrupts(ask: Ask) -> None:
    with pytest.raises(Interrupted):
        ask()


def test_a_bad_answer_given_beforehand_is_told_at_once(ask: Ask) -> None:
    with pytest.raises(Problem, match="no choice"):
        ask(name="shop", ci="gitlab")


def test_a_name_whose_folder_is_taken_is_refused_at_once(
    scaffold: Scaffold, typing: Type, workplace: Path
) -> None:
    (workplace / "shop").mkdir()
    (workplace / "shop/notes.txt").touch()
    typing("shop", "till", ENTER, ENTER, ENTER, CREATE)
    outcome = scaffold("new", "--plain", "--no-git")
    assert (outcome.code, (workplace / "till/README.md").is_file()) == (0, True)
    assert f"{workplace}/shop is not empty" in outcome.err


def test_new_asks_and_teaches_the_command(
    scaffold: Scaffold, workplace: Path, typing: Type
) -> None:
    typing("shop", "fastify", "production", ENTER, CREATE)
    outcome = scaffold("new", "--plain", "--auth", "none", "--no-git")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.endswith(
        "\nTo create the same project without questions:\n"
        "  scaffold new shop --framework fastify --preset production --auth none --no-git\n"
    )
    assert answers_of(workplace / "shop")["database"] == "postgresql"


def test_the_command_that_is_taught_makes_the_same_project(
    scaffold: Scaffold, workplace: Path, typing: Type
) -> None:
    typing(ENTER, "custom", "Sells, don't they", "postgresql", *(ENTER,) * 5, CREATE)
    taught = scaffold("new", "a/shop", "--plain").err.splitlines()[-1].strip()
    assert taught == (
        "scaffold new a/shop --defaults "
        """--description 'Sells, don'"'"'t they' --database postgresql"""
    )
    made = tree((workplace / "a").rename(workplace / "b") / "shop")
    assert scaffold(*shlex.split(taught)[1:]).code == 0
    assert tree(workplace / "a" / "shop") == made


def test_a_dry_run_of_the_interview_shows_the_tree(
    scaffold: Scaffold, workplace: Path, typing: Type
) -> None:
    typing(ENTER, ENTER, ENTER, CREATE)
    outcome = scaffold("new", "shop", "--plain", "--dry-run")
    assert "src/\n  app/\n" in outcome.out
    assert listing(workplace) == []


def test_the_interview_shows_the_folders_of_the_project(scaffold: Scaffold, typing: Type) -> None:
    typing(ENTER, ENTER, ENTER, "files", "cancel")
    outcome = scaffold("new", "shop", "--plain")
    assert "The files of shop\n  .github/workflows/  " in outcome.err
    assert "Makefile, README.md" in outcome.err


def test_giving_up_leaves_nothing(scaffold: Scaffold, workplace: Path, typing: Type) -> None:
    typing("shop", ENTER)
    outcome = scaffold("new", "--plain")
    assert outcome.code == 130
    assert outcome.err.endswith(
        "\nerror: interrupted\n\nhint: nothing was written; run the command again\n"
    )
    assert listing(workplace) == []


def test_a_text_that_is_not_utf_8_is_told(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_ = io.BytesIO(b"sh\xffp\nshop\n\n\ncancel\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(bytes_, encoding="utf-8"))
    assert r"The name 'sh\udcffp' is not UTF-8." in scaffold("new", "--plain").err


@pytest.mark.parametrize("option", ["--defaults", "--json"])
def test_on_a_terminal_nothing_is_asked_with(
    option: str, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.terminal.console.is_terminal", lambda: True)
    assert scaffold("new", "shop", "--ci", "none", option).code == 0


def test_completing_asks_what_is_open_and_shows_no_summary(
    typing: Type, exclusive: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    typing(BACK, "kafka", "orders")
    given = {"name": "shop", "database": "postgresql"}
    answers = dialogue.complete(Questionnaire(Jinja(exclusive)), given, {}, asker=Plain())
    assert answers == {**given, "queue": "kafka", "topic": "orders"}
    shown = capsys.readouterr().err
    assert "Data?" not in shown and "What kind" not in shown and "Select one" not in shown


TODAY = {"name": "shop", "database": "postgresql", "queue": "kafka", "topic": "orders"}


@pytest.fixture
def revise(typing: Type, exclusive: Template) -> Revise:
    """`revise("topic", "sales", "apply")` types these lines and returns the answers."""

    def run(*typed: str, today: Mapping[str, Any] = TODAY) -> Mapping[str, Any]:
        typing(*typed)
        return dialogue.revise(
            Questionnaire(Jinja(exclusive)), today, asker=Plain(), preview=no_preview
        )

    return run


def test_revising_begins_with_the_summary_of_todays_answers(
    revise: Revise, capsys: pytest.CaptureFixture[str]
) -> None:
    assert revise("apply") == TODAY
    assert capsys.readouterr().err.splitlines()[2:11] == [
        "The answers of shop. Select one to change it.",
        "  1. apply: Apply the changes",
        "  2. files: Show the changed files first",
        "  - name: shop (cannot be changed)",
        "  3. database: PostgreSQL",
        "  4. queue: Kafka",
        "  5. topic: orders",
        "  6. cancel: Change nothing",
        "Answer [apply]: ",
    ]


def test_revising_shows_what_an_answer_was(
    revise: Revise, capsys: pytest.CaptureFixture[str]
) -> None:
    assert revise("topic", "sales", "apply") == {**TODAY, "topic": "sales"}
    assert "  5. topic: sales (was orders)\n" in capsys.readouterr().err


def test_revising_asks_again_for_an_answer_that_became_impossible(
    revise: Revise, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = revise("database", "sqlite", "table", "apply")
    assert answers == {"name": "shop", "database": "sqlite", "queue": "table"}
    assert "\nEvents?\nqueue cannot be 'kafka': needs PostgreSQL\n" in capsys.readouterr().err


def test_revising_asks_a_question_that_begins_to_apply(revise: Revise) -> None:
    today = {"name": "shop", "database": "postgresql", "queue": "none"}
    assert revise("queue", "kafka", "sales", "apply", today=today)["topic"] == "sales"


def test_revising_asks_first_for_an_answer_that_is_not_valid(
    revise: Revise, capsys: pytest.CaptureFixture[str]
) -> None:
    today = {"name": "shop", "database": "oracle", "queue": "none", "gone": "yes"}
    answers = revise("postgresql", "apply", today=today)
    assert answers == {"name": "shop", "database": "postgresql", "queue": "none"}
    asked = capsys.readouterr().err.partition("\n\n")[2]
    assert asked.startswith("Data?\ndatabase has no choice 'oracle'\n")


def test_revising_can_show_the_changed_files(
    revise: Revise, capsys: pytest.CaptureFixture[str]
) -> None:
    revise("files", "apply")
    assert "\nChanged files of shop\n  at most 20 lines\n" in capsys.readouterr().err


def test_back_in_the_summary_of_todays_answers_stays_there(revise: Revise) -> None:
    assert revise(BACK, "apply") == TODAY


def test_revising_can_be_cancelled(revise: Revise) -> None:
    with pytest.raises(Interrupted):
        revise("database", "sqlite", "none", "cancel")


@pytest.mark.parametrize(("typed", "agreed"), [("", True), ("yes", True), ("no", False)])
def test_a_person_agrees_or_does_not(typed: str, agreed: bool, typing: Type) -> None:
    typing(BACK, typed)
    assert dialogue.agree("Go ahead?", asker=Plain()) is agreed
