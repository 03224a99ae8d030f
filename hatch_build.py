"""Puts the template into the wheel, as plain files; an editable install reads the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateHook(BuildHookInterface[Any]):
    """Called by hatchling for each wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the template, unless `version` is `editable`."""
        if version == "standard":
            for path in ("copier.yml", "template"):
                build_data["force_include"][path] = f"scaffold/_template/{path}"
