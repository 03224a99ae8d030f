"""Make a release of the tool and the template, which have one version.

    python scripts/release.py prepare 0.2.0   write the version into pyproject.toml and CHANGELOG.md
    python scripts/release.py check v0.2.0    whether the tag says what these two files say
    python scripts/release.py notes v0.2.0    print what the changelog says of that release

docs/releasing.md tells when to run what.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
UNRELEASED = "Unreleased"
VERSION = re.compile(r"\d+\.\d+\.\d+")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    """Run one command on the repository `root`; exit 1 with one line when something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="begin a release").add_argument("version")
    commands.add_parser("check", help="compare a tag with the files").add_argument("tag")
    commands.add_parser("notes", help="print the notes of a release").add_argument("tag")
    given = parser.parse_args(arguments)
    match given.command:
        case "prepare":
            prepare(root, given.version)
        case "check":
            check(root, given.tag)
        case "notes":
            print(notes(root, given.tag.removeprefix("v")))


def prepare(root: Path, version: str) -> None:
    """Write `version` into pyproject.toml, and call what is unreleased by it."""
    manifest, changelog = root / "pyproject.toml", root / "CHANGELOG.md"
    if not VERSION.fullmatch(version):
        fail(f"{version} is no version like 0.2.0")
    if numbers(version) < numbers(version_of(root)):
        fail(f"{version} is older than {version_of(root)}")
    if version in sections(root):
        fail(f"CHANGELOG.md has a section {version} already")
    if not notes(root, UNRELEASED):
        fail(f"CHANGELOG.md says nothing under {UNRELEASED}")
    replace(manifest, f'version = "{version_of(root)}"', f'version = "{version}"')
    replace(changelog, f"## {UNRELEASED}\n", f"## {version}\n")


def check(root: Path, tag: str) -> None:
    """Compare `tag` with the version and the changelog."""
    if tag != f"v{version_of(root)}":
        fail(f"the tag {tag} does not say version {version_of(root)} of pyproject.toml")
    if not notes(root, tag.removeprefix("v")):
        fail(f"the section {tag.removeprefix('v')} of CHANGELOG.md is empty")


def notes(root: Path, name: str) -> str:
    """What the changelog says under the heading `name`."""
    if name not in sections(root):
        fail(f"CHANGELOG.md has no section {name}")
    return sections(root)[name]


def sections(root: Path) -> dict[str, str]:
    """The changelog by heading, newest first."""
    _, *parts = re.split(r"^## (.+)\n", (root / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    return {
        heading.strip(): text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def version_of(root: Path) -> str:
    """The version in pyproject.toml."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare by."""
    return tuple(int(part) for part in version.split("."))


def replace(file: Path, old: str, new: str) -> None:
    """Replace the one `old` in `file`."""
    file.write_text(file.read_text().replace(old, new, 1))


def fail(reason: str) -> NoReturn:
    """End with one line."""
    sys.exit(f"error: {reason}")


if __name__ == "__main__":
    main()
