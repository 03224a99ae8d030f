"""`scaffold choices`: what can be chosen, and which combinations are proven to work."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scaffold.source import locate
from scaffold.template import proofs
from scaffold.template.expressions import Jinja
from scaffold.template.proofs import Proof
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import STACK_RECORD, Question, Template, load


def choices(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the questions with their choices, the presets and the proven combinations."""
    questionnaire = Questionnaire(Jinja(load(locate.shipped())))
    if as_json:
        print(json.dumps(_as_data(questionnaire), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_as_text(questionnaire)))


def _as_data(questionnaire: Questionnaire) -> dict[str, Any]:
    template = questionnaire.template
    return {
        "stacks": {
            name: {"title": stack["title"], "language": stack["language"]}
            for name, stack in _stacks(template).items()
        },
        "choices": {
            question.name: [
                {
                    "value": value,
                    "title": title,
                    "group": question.group(value),
                    "default": value == questionnaire.default(question),
                    "not_with": list(map(asdict, questionnaire.exclusions(question, title))),
                }
                for title, value in question.choices.items()
            ]
            for question in _with_choices(template)
        },
        "presets": {
            name: {"help": preset.help, "answers": dict(preset.answers)}
            for name, preset in template.presets.items()
        },
        "proofs": [asdict(proof) for proof in proofs.read(template.tree)],
    }


def _as_text(questionnaire: Questionnaire) -> list[str]:
    template = questionnaire.template
    lines = []
    for question in _with_choices(template):
        default = questionnaire.default(question)
        lines.append(f"{question.name}  {question.help}")
        group = ""
        for title, value in question.choices.items():
            if question.group(value) != group:
                group = question.group(value)
                lines.append(f"  {group}")
            mark = "*" if value == default else " "
            lines.append(f"  {mark} {value:<12}{title}")
            lines += [
                f"{'':16}not with {each.question}={each.value}: {each.reason}"
                for each in questionnaire.exclusions(question, title)
            ]
        lines.append("")
    lines.append("presets")
    lines += [f"    {name:<12}{preset.help}" for name, preset in template.presets.items()]
    return [*lines, "", "* the default", *_proven(proofs.read(template.tree))]


def _proven(found: list[Proof]) -> list[str]:
    """A line for each combination with a proof: its choices, its checks, servers and date."""
    if not found:
        return []
    choices = [" + ".join(map(str, proof.answers.values())) for proof in found]
    width = max(map(len, choices))
    lines = [
        f"    {choice:<{width}}  {_checks(proof)}, {_servers(proof)}, {proof.date}"
        for choice, proof in zip(choices, found, strict=True)
    ]
    return ["", "proven combinations", *lines]


def _checks(proof: Proof) -> str:
    return f"{sum(step.passed for step in proof.steps.values())} checks"


def _servers(proof: Proof) -> str:
    return ", ".join(f"{name} {version}" for name, version in proof.servers.items())


def _with_choices(template: Template) -> list[Question]:
    return [question for question in template.asked if question.choices]


def _stacks(template: Template) -> dict[str, Any]:
    """The record of each framework, as its folder in the template states it."""
    records = {question.name: question.default for question in template.questions}
    return {
        name.removeprefix(STACK_RECORD): dict(record)
        for name, record in records.items()
        if name.startswith(STACK_RECORD)
    }
