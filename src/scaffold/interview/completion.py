"""What a shell can complete: presets, and answers of the form `NAME=VALUE`."""

from __future__ import annotations

import os

from scaffold.template.spec import Question, Template

_NAME = "_SCAFFOLD_COMPLETE_NAME"


def prepare() -> None:
    """Undo in the environment what bash does to the words before it asks for completions.

    bash splits a word at `=`: `--set`, `database`, `=`, `post`. What it wants completed is the
    value alone. Afterwards the words are `--set` and `post`, and `assignments` knows the name.
    """
    os.environ[_NAME] = ""
    if "COMP_WORDS" not in os.environ:
        return
    at = int(os.environ["COMP_CWORD"])
    words = os.environ["COMP_WORDS"].split("\n")  # as the script of Typer joins them
    joined = _joined([*words[:at], *(words[at : at + 1] or [""])])
    name, equals, value = joined[-1].partition("=")
    if equals and not name.startswith("-"):
        joined[-1] = value
        os.environ[_NAME] = name
    os.environ["COMP_WORDS"] = "\n".join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)


def presets(template: Template) -> list[tuple[str, str]]:
    """Each preset with its help."""
    return [(name, preset.help) for name, preset in template.presets.items()]


def assignments(template: Template, incomplete: str) -> list[str]:
    """Answers that complete `incomplete`; in bash, after the `=`, values alone.

    They are whole answers even before the `=`: a shell adds a space to a single word like `auth=`.
    """
    name = os.environ.get(_NAME)
    answers = [(q.name, value) for q in template.asked for value in _values(q)]
    if name:
        return [value for question, value in answers if question == name]
    words = [f"{question}={value}" for question, value in answers]
    return [word for word in words if word.startswith(incomplete)]


def _joined(words: list[str]) -> list[str]:
    """`database`, `=`, `post` become `database=post`."""
    joined: list[str] = []
    for word in words:
        if joined and (word == "=" or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _values(question: Question) -> list[str]:
    if question.type == "bool":
        return ["true", "false"]
    return [str(value) for value in question.choices.values()] or [""]
