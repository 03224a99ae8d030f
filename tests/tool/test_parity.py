"""The tool renders with its own renderer: byte for byte what copier would make of the template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from copier import Settings, run_copy
from pytest_copie.plugin import Copie

from scaffold.rendering import write
from tests.combinations import TEMPLATE, combinations, label, planned
from tests.tool.conftest import tree


@pytest.mark.parametrize("answers", combinations(), ids=label)
def test_a_combination_renders_as_copier_renders_it(
    answers: dict[str, Any], template_folder: Path, tmp_path: Path
) -> None:
    run_copy(
        str(template_folder),
        tmp_path / "copier",
        data={"name": "shop", **answers},
        defaults=True,
        quiet=True,
        settings=Settings(),
    )
    ours = tmp_path / "ours"
    ours.mkdir()
    write(planned(answers, {"_src_path": str(template_folder)}).files, ours)

    assert tree(ours) == tree(tmp_path / "copier")
    assert folders(ours) == folders(tmp_path / "copier")


@pytest.mark.parametrize("preset", TEMPLATE.presets)
def test_a_preset_renders_as_pytest_copie_renders_it(
    preset: str, template_folder: Path, copie: Copie, tmp_path: Path
) -> None:
    answers = {"name": "shop", **TEMPLATE.presets[preset].answers}
    result = copie.copy(extra_answers=answers, template_dir=template_folder)
    assert result.exit_code == 0, result.exception
    assert result.project_dir is not None

    theirs = tree(result.project_dir)
    ours = tmp_path / "ours"
    ours.mkdir()
    write(planned(answers).files, ours)
    # The answers file names the copy of the template that pytest-copie made for itself.
    theirs.pop(TEMPLATE.answers_file)
    assert {
        path: file for path, file in tree(ours).items() if path != TEMPLATE.answers_file
    } == theirs


def test_what_new_makes_is_what_copier_copy_makes(
    scaffold: Any, template_repository: Path, workplace: Path
) -> None:
    run_copy(
        str(template_repository), workplace / "theirs", data={"name": "shop"},
        defaults=True, quiet=True, settings=Settings(),
    )  # fmt: skip
    assert scaffold("new", "shop", "--defaults").code == 0
    assert tree(workplace / "shop") == tree(workplace / "theirs")


def folders(root: Path) -> set[str]:
    """All folders below `root`: copier must make none that stays empty."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir()}
