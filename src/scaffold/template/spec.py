"""Reads the settings, questions and presets of a template from its `copier.yml`.

Flags, the interview and updates evaluate the questions without copier, so they support the part of
copier's language that docs/architecture.md lists. Any other key is refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from scaffold.template.documents import SafeLoader
from scaffold.terminal.errors import Problem

TYPES = ("str", "bool", "int", "json", "yaml")
PARTS = ("copier.yml", "template", "migrations", "CHANGELOG.md")
"""The files of a template in a repository that has a folder `template`."""

STACK_RECORD = "stack_"
"""The prefix of the hidden questions that hold the record of each stack."""

LANGUAGE_RECORD = "language_"
"""The prefix of those that hold what the records of all stacks of a language share."""

_FAULT = "this is a fault of the template"
_SETTINGS = {
    "_min_copier_version",
    "_subdirectory",
    "_answers_file",
    "_exclude",
    "_envops",
    "_migrations",
    *(f"_message_{when}_{task}" for when in ("before", "after") for task in ("copy", "update")),
}
_MOVE = (
    "{{ _stage == 'before' }}",
    "{{ _copier_python }}",
    "{{ _copier_conf.src_path }}/migrations/move.py",
)
_QUESTION_KEYS = {"type", "help", "choices", "default", "validator", "when"}
_CHOICE_KEYS = {"value", "validator"}


@dataclass(frozen=True)
class Question:
    """One question as it is written in copier.yml; texts may contain Jinja.

    `choices` maps titles to values. A title is `label — what it means`, or the label alone.
    `refusals` maps titles to Jinja texts: such a text renders to the reason why the choice is
    unavailable, or to nothing. `groups` maps values to the headings under which they are shown.
    """

    name: str
    type: str
    help: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    default: Any = None
    required: bool = False
    validator: str = ""
    when: bool | str = True
    groups: Mapping[Any, str] = field(default_factory=dict)

    @property
    def hidden(self) -> bool:
        """Whether it is never asked: its value is computed from the answers."""
        return self.when is False

    def group(self, value: Any) -> str:
        """The heading above a choice, or nothing."""
        return self.groups.get(value, "")


@dataclass(frozen=True)
class Preset:
    """Answers that go well together, under one name."""

    help: str
    answers: Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A template; the folder `root` has copier.yml, the folder `tree` is rendered.

    `moves` maps old paths in projects to new ones, as releases have renamed them.
    """

    root: Path
    tree: Path
    answers_file: str
    exclude: tuple[str, ...]
    environment: Mapping[str, Any]
    questions: tuple[Question, ...]
    presets: Mapping[str, Preset]
    moves: Mapping[str, str]

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that can be asked, in order."""
        return tuple(question for question in self.questions if not question.hidden)

    @property
    def leading(self) -> tuple[Question, ...]:
        """The questions before the name, hidden ones too. Presets are chosen after them."""
        return tuple(takewhile(lambda question: question.name != "name", self.questions))


def load(root: Path, *, with_facts: bool = True) -> Template:
    """Read the template at `root`; without facts, skip the included files, which flags do not need.

    Raises:
        Problem: there is no template at `root`, or it uses a key that scaffold does not support.
    """
    data = _merged(root, with_facts=with_facts)
    settings = {key: value for key, value in data.items() if key.startswith("_")}
    _refuse_unknown({key for key in settings if not key.startswith("_scaffold_")} - _SETTINGS, root)
    return Template(
        root=root,
        tree=root / settings.get("_subdirectory", "."),
        answers_file=settings.get("_answers_file", ".copier-answers.yml"),
        exclude=tuple(settings.get("_exclude", ())),
        environment=settings.get("_envops", {}),
        questions=_grouped(
            [_question(key, data[key], root) for key in data if key[0] != "_"],
            settings.get("_scaffold_groups", {}) if with_facts else {},
            root,
        ),
        presets={
            name: Preset(**preset) for name, preset in settings.get("_scaffold_presets", {}).items()
        },
        moves=dict(_move(migration, root) for migration in settings.get("_migrations", ())),
    )


def _merged(root: Path, *, with_facts: bool) -> dict[str, Any]:
    file = root / "copier.yml"
    if not file.is_file():
        raise Problem(
            f"there is no template in {root}", "a template is a folder with a file copier.yml"
        )
    merged: dict[str, Any] = {}
    for document in _documents(file, root, with_facts=with_facts):
        if twice := merged.keys() & document.keys():
            raise Problem(f"{file} says {', '.join(sorted(twice))} twice", _FAULT)
        merged.update(document)
    return merged


def _documents(file: Path, root: Path, *, with_facts: bool) -> Iterator[dict[str, Any]]:
    def include(self: Any, node: yaml.ScalarNode) -> dict[str, Any]:
        included = root / PurePosixPath(self.construct_scalar(node))
        merged: dict[str, Any] = {}
        if with_facts:
            for document in _documents(included, root, with_facts=True):
                merged.update(document)
        return merged

    loader: Any = type("Loader", (SafeLoader,), {})  # of its own: a class keeps its constructors
    loader.add_constructor("!include", include)
    try:
        with file.open("rb") as stream:
            yield from (document for document in yaml.load_all(stream, loader) if document)
    except (yaml.YAMLError, OSError) as error:
        raise Problem(
            f"the template's {file.name} cannot be read: {one_line(error)}", _FAULT
        ) from error


def one_line(error: BaseException) -> str:
    """The text of an error on one line."""
    return " ".join(str(error).split())


def _move(migration: Any, root: Path) -> tuple[str, str]:
    """The paths of a migration; the only supported kind is `move.py OLD NEW`, before an update."""
    match migration:
        case {
            "version": _,
            "when": when,
            "command": [str(python), str(script), str(old), str(new)],
        } if (when, python, script) == _MOVE:
            return old, new
    raise Problem(
        f"{root / 'copier.yml'} has a migration that scaffold does not know: {migration}",
        "`copier update` may run it",
    )


def _question(name: str, details: Any, root: Path) -> Question:
    if not isinstance(details, dict):
        raise Problem(f"the question {name} of {root / 'copier.yml'} is not a mapping", _FAULT)
    _refuse_unknown({f"{name}.{key}" for key in details.keys() - _QUESTION_KEYS}, root)
    kind = details.get("type", "str")
    if kind not in TYPES:
        raise Problem(
            f"the question {name} of {root / 'copier.yml'} has the unknown type {kind}", _FAULT
        )
    choices, refusals = _choices(name, details.get("choices", {}), root)
    defined = {"name": name, "type": kind, "required": "default" not in details, **details}
    return Question(**{**defined, "choices": choices, "refusals": refusals})


def _grouped(
    questions: Sequence[Question], groups: Mapping[str, Mapping[str, str]], root: Path
) -> tuple[Question, ...]:
    """The questions with the headings of their choices.

    For each question that has any, `groups` says where they come from: `records` is the prefix of
    the hidden questions with the record of each choice, `fact` is the part of a record that names
    the group, and `titles` is the hidden question with the record of each group.
    """
    facts = {question.name: question.default for question in questions}

    def headings(question: Question, records: str, fact: str, titles: str) -> dict[Any, str]:
        return {
            value: facts[titles][facts[f"{records}{value}"][fact]]["title"]
            for value in question.choices.values()
        }

    try:
        return tuple(
            replace(question, groups=headings(question, **groups[question.name]))
            if question.name in groups
            else question
            for question in questions
        )
    except (KeyError, TypeError) as error:
        raise Problem(
            f"_scaffold_groups of {root / 'copier.yml'} does not fit the records: {error}", _FAULT
        ) from error


def _choices(name: str, choices: Any, root: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and refusals by title, from `title: value` or `title: {value: …, validator: …}`."""
    if not isinstance(choices, dict):
        raise Problem(
            f"the choices of {name} in {root / 'copier.yml'} are not a mapping of titles to values",
            _FAULT,
        )
    values, refusals = {}, {}
    for title, choice in choices.items():
        extended = choice if isinstance(choice, dict) else {"value": choice}
        _refuse_unknown({f"{name}.choices.{key}" for key in extended.keys() - _CHOICE_KEYS}, root)
        if "value" not in extended:
            raise Problem(
                f"the choice {title!r} of {name} in {root / 'copier.yml'} has no value", _FAULT
            )
        values[str(title)] = extended["value"]
        if "validator" in extended:
            refusals[str(title)] = str(extended["validator"])
    return values, refusals


def _refuse_unknown(keys: set[str], root: Path) -> None:
    if keys:
        raise Problem(
            f"{root / 'copier.yml'} uses {', '.join(sorted(keys))}, "
            "which scaffold does not support",
            "`copier copy` may render it",
        )
