"""Collects the answers of a command line: of a preset, a file, `--set` and flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from scaffold.template.documents import parse
from scaffold.template.spec import Template
from scaffold.terminal.errors import Problem, suggestion

ANSWERS_FILE = ".copier-answers.yml"
GET_BACK = f"`git checkout HEAD -- {ANSWERS_FILE}` gives back the committed one"
"""The hint when the answers file of a project is damaged."""

_HOW_TO_WRITE = "--answers takes a YAML file with lines like `database: postgresql`"


def gather(
    template: Template,
    *,
    preset: str | None,
    file: Path | None,
    assignments: Iterable[str],
    flags: Mapping[str, Any],
) -> dict[str, Any]:
    """Merge all given answers. A later parameter overrides an earlier one.

    Raises:
        Problem: the preset is unknown, the file unreadable, an assignment not `name=value`.
    """
    given: dict[str, Any] = {}
    if preset is not None:
        given.update(preset_answers(template, preset))
    if file is not None:
        given.update(own_answers(read_answers(file, _HOW_TO_WRITE)))
    given.update(assigned(assignments))
    given.update({name: value for name, value in flags.items() if value is not None})
    return given


def preset_answers(template: Template, name: str) -> Mapping[str, Any]:
    """The answers of one preset. Raises a `Problem` that names all presets when it is unknown."""
    if name not in template.presets:
        raise Problem(
            f"there is no preset '{name}'",
            suggestion(name, template.presets, sentence="the presets are"),
        )
    return template.presets[name].answers


def assigned(assignments: Iterable[str]) -> dict[str, str]:
    """Parse `name=value` words. Raises a `Problem` for a word without `=`."""
    given = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise Problem(
                f"{assignment!r} does not have the form NAME=VALUE",
                "for example `database=postgresql`",
            )
        given[name] = value
    return given


def read_answers(file: Path, hint: str) -> dict[str, Any]:
    """Read a YAML file of answers, including the keys of copier, which begin with `_`.

    Raises:
        Problem: the file cannot be read or is not a mapping; `hint` is its hint.
    """
    try:
        data = parse(file.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Problem(f"cannot read the answers file {file}: {reason}", hint) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Problem(f"the answers file {file} is not YAML: {_place(error)}", hint) from error
    if not isinstance(data, dict):
        raise Problem(f"the answers file {file} is not a mapping", hint)
    return {str(name): value for name, value in data.items()}


def own_answers(noted: Mapping[str, Any]) -> dict[str, Any]:
    """The answers without the keys of copier, which begin with `_`."""
    return {name: value for name, value in noted.items() if not name.startswith("_")}


def _place(error: Exception) -> str:
    """The position of a syntax error."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it is not a text file"
