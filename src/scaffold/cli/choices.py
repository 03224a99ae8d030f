"""`scaffold choices`: what can be chosen."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from scaffold.source import locate
from scaffold.template.spec import Question, Template, load


def choices(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every question with its choices, and the presets, on stdout."""
    template = load(locate.shipped())
    if as_json:
        print(json.dumps(_as_data(template), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_as_text(template)))


def _as_data(template: Template) -> dict[str, Any]:
    return {
        "stacks": {
            name: {"title": stack["title"], "language": stack["language"]}
            for name, stack in _stacks(template).items()
        },
        "choices": {
            question.name: [
                {"value": value, "title": title, "default": value == question.default}
                for title, value in question.choices.items()
            ]
            for question in _with_choices(template)
        },
        "presets": {
            name: {"help": preset.help, "answers": dict(preset.answers)}
            for name, preset in template.presets.items()
        },
    }


def _as_text(template: Template) -> list[str]:
    lines = []
    for question in _with_choices(template):
        lines.append(f"{question.name}  {question.help}")
        for title, value in question.choices.items():
            mark = "*" if value == question.default else " "
            lines.append(f"  {mark} {value:<12}{title}")
        lines.append("")
    lines.append("presets")
    lines += [f"    {name:<12}{preset.help}" for name, preset in template.presets.items()]
    return [*lines, "", "* the default"]


def _with_choices(template: Template) -> list[Question]:
    return [question for question in template.asked if question.choices]


def _stacks(template: Template) -> dict[str, Any]:
    """The record of each framework, as its folder in the template states it."""
    return next(dict(q.default) for q in template.questions if q.name == "stacks")
