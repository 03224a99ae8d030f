"""Every combination of choices that the template offers, found in the questions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.render import render
from scaffold.template.spec import Template, load
from tests.rendering import RenderedFile, rendered

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = load(ROOT)
_JINJA = Jinja(TEMPLATE)

Answers = Mapping[str, Any]


def combinations(template: Template = TEMPLATE) -> list[dict[str, Any]]:
    """The product of all choices, each with a value for every question that has choices."""
    axes = {q.name: list(q.choices.values()) for q in template.asked if q.choices}
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def label(answers: Answers) -> str:
    """A short test id: the values of the questions that leave a choice, like `sqlite-jwt-none`."""
    varied = [q.name for q in TEMPLATE.asked if len(q.choices) > 1]
    return "-".join(str(answers[name]) for name in varied if name in answers) or "default"


def answered(answers: Answers) -> CompleteAnswers:
    """These answers of the real template, completed with defaults; the name is `shop`."""
    return Questionnaire(_JINJA).answers({"name": "shop", **answers})


def rendered_files(answers: Answers) -> list[RenderedFile]:
    """The files of the project with these answers, rendered once a process."""
    return _rendered(tuple(sorted(answers.items())))


@cache
def _rendered(answers: tuple[tuple[str, Any], ...]) -> list[RenderedFile]:
    return rendered(TEMPLATE, answered(dict(answers)))


def written(answers: Answers, folder: Path) -> Path:
    """The project with these answers, written to `folder`."""
    folder.mkdir(parents=True)
    render(TEMPLATE, answered(answers), {}, folder)
    return folder
