"""Evaluates the Jinja expressions of copier.yml, in the same environment as copier's.

Jinja is imported when the first expression is evaluated: help and completion do not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scaffold.template.spec import Template, one_line
from scaffold.terminal.errors import Problem

if TYPE_CHECKING:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment


class Jinja:
    """Evaluates the texts and files of one template; each text is compiled once."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._compiled: dict[str, jinja2.Template] = {}

    def warm(self) -> None:
        """Import Jinja now, so that the first expression does not wait for it."""
        _ = self._environment

    def text(self, source: str, context: Mapping[str, Any]) -> str:
        """Evaluate a text of copier.yml or a part of a path."""
        if "{" not in source:
            return source
        return _rendered(f"text {source!r}", lambda: self._text(source), context)

    def file(self, path: str, context: Mapping[str, Any]) -> str:
        """Render the file at `path`, relative to the template's root."""
        return _rendered(f"file {path}", lambda: self._environment.get_template(path), context)

    def _text(self, source: str) -> jinja2.Template:
        if source not in self._compiled:
            self._compiled[source] = self._environment.from_string(source)
        return self._compiled[source]

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        from jinja2 import FileSystemLoader, StrictUndefined
        from jinja2.sandbox import SandboxedEnvironment

        options = dict(self.template.environment)
        if options.pop("undefined", "") == "jinja2.StrictUndefined":
            options["undefined"] = StrictUndefined
        return SandboxedEnvironment(
            loader=FileSystemLoader(self.template.root),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            **options,
        )


def _rendered(
    what: str, compiled: Callable[[], jinja2.Template], context: Mapping[str, Any]
) -> str:
    from jinja2 import TemplateError

    try:
        return compiled().render(context)
    except TemplateError as error:
        raise Problem(
            f"the template's {what} fails: {one_line(error)}", "this is a fault of the template"
        ) from error
