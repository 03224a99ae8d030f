"""The Jinja environment of a template: the same one that copier would build."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2 import Template as Compiled
from jinja2.sandbox import SandboxedEnvironment

from scaffold.problems import Problem
from scaffold.template import Template, one_line


class Jinja:
    """Renders texts and files of one template; each distinct text is compiled once."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._compiled: dict[str, Compiled] = {}

    def text(self, source: str, context: Mapping[str, Any]) -> str:
        """Render a text of copier.yml or a part of a path."""
        if "{" not in source:
            return source
        try:
            compiled = self._compiled.get(source)
            if compiled is None:
                compiled = self._compiled[source] = self._environment.from_string(source)
            return compiled.render(context)
        except TemplateError as error:
            raise Problem(f"the template's text {source!r} fails: {one_line(error)}") from error

    def file(self, path: str, context: Mapping[str, Any]) -> str:
        """Render the file at `path`, relative to the template's root."""
        try:
            return self._environment.get_template(path).render(context)
        except TemplateError as error:
            raise Problem(f"the template's file {path} fails: {one_line(error)}") from error

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        options = dict(self.template.environment)
        if options.pop("undefined", "") == "jinja2.StrictUndefined":
            options["undefined"] = StrictUndefined
        return SandboxedEnvironment(
            loader=FileSystemLoader(self.template.root),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            **options,
        )
