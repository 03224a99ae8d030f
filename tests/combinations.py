"""Every combination of choices that the template offers, found in the questions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from scaffold.project.create import Project, plan
from scaffold.source.locate import Source
from scaffold.template.expressions import Jinja
from scaffold.template.render import write
from scaffold.template.spec import Template, load

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


def planned(answers: Answers, origin: Mapping[str, str] | None = None) -> Project:
    """A project of the real template, rendered in memory; called `shop` unless answers differ."""
    return plan(_JINJA, Source(ROOT, origin or {}), {"name": "shop", **answers})


def written(answers: Answers, folder: Path) -> Path:
    """The same, written to `folder`."""
    folder.mkdir(parents=True)
    write(planned(answers).files, folder)
    return folder
