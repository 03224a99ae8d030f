"""A template with two releases, and projects made from the first one."""

from __future__ import annotations

from pathlib import Path

from tests.tool.conftest import commit, export_without_code, git

LAYER = "template/{{use.fastapi}}/{{use.always}}"
SETTINGS = "template/{{use.always}}/.env.example.jinja"
NOTES = "{{ name }}\n\none\ntwo\nthree\n\nfour\nfive\nsix\n"


def build(root: Path) -> Path:
    """Write the releases v1.0.0 and v2.0.0; the second one is checked out."""
    export_without_code(root)
    layer = root / LAYER
    questions = (root / "copier.yml").read_text()
    (layer / "notes.txt.jinja").write_text(NOTES)
    (layer / "dropped.txt").write_text("old\n")
    (layer / "obsolete.txt").write_text("old\n")
    (root / "copier.yml").write_text(questions + _question("flavour", "plain", "sweet"))
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\n- The first release\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "First release", tag="v1.0.0")

    (layer / "notes.txt.jinja").write_text(NOTES.replace("six", "SIX"))
    (layer / "dropped.txt").unlink()
    (layer / "obsolete.txt").unlink()
    (layer / "added.txt.jinja").write_text("{{ region }}\n")
    with (root / SETTINGS).open("a") as settings:
        settings.write("REGION=eu\n")
    (root / "copier.yml").write_text(
        questions
        + '\nregion:\n  type: str\n  help: Where?\n  default: "{{ name }}-eu"\n'
        + _question("flavour", "plain", "sour")
    )
    (root / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 2.0.0\n\n- Regions\n\n## 1.0.0\n\n- The first release\n"
    )
    commit(root, "Second release", tag="v2.0.0")
    return root


def _question(name: str, *choices: str) -> str:
    offered = ", ".join(f"{choice}: {choice}" for choice in choices)
    return (
        f"\n{name}:\n  type: str\n  help: Which one?\n  choices: {{{offered}}}\n"
        f"  default: {choices[0]}\n"
    )
