"""Puts the template and its history into the wheel and the sdist, as of the last commit.

Both carry `scaffold/_template/`, the tree that `new` renders, and `scaffold/_history/`: a git
bundle of HEAD with the releases that led to it, and how git describes that commit. A wheel that is
built from an sdist takes over what the sdist carries; an editable install reads the checkout.
"""

import io
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TEMPLATE = ("copier.yml", "template", "migrations", "CHANGELOG.md")
RELEASES = "v[0-9]*"
CARRIED = ("_history", "_template")


class TemplateHook(BuildHookInterface[Any]):
    """Called by hatchling for each wheel and each sdist."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the template, unless `version` is `editable`; end the build when that cannot be."""
        if version == "editable":
            return
        folder = self._carried()
        package = "src/scaffold" if self.target_name == "sdist" else "scaffold"
        for name in CARRIED:
            build_data["force_include"][str(folder / name)] = f"{package}/{name}"

    def _carried(self) -> Path:
        """A folder with what is to be carried: that of an sdist, or a new one."""
        root = Path(self.root)
        package = root / "src" / "scaffold"
        if (package / "_history").is_dir():
            return package
        if not (root / ".git").exists():
            self.app.abort("error: there is no git repository here: build from a clone or an sdist")
        # Kept until hatchling, which reads it after this, lets go of the hook.
        self._folder = TemporaryDirectory(prefix="scaffold-build-")
        folder = Path(self._folder.name)
        try:
            self._carry(root, folder)
        except subprocess.CalledProcessError as error:  # git has said why
            self.app.abort(f"error: {' '.join(map(str, error.cmd[:2]))} failed")
        except FileNotFoundError:
            self.app.abort("error: git is missing: install it, or build from an sdist")
        return folder

    def _carry(self, root: Path, folder: Path) -> None:
        if git(root, "rev-parse", "--is-shallow-repository") == "true":
            self.app.abort("error: this clone is shallow: `git fetch --unshallow` gets the rest")
        if git(root, "status", "--porcelain"):
            self.app.display_warning(
                "warning: there are uncommitted changes; the template is that of the last commit"
            )
        carry(root, folder)


def carry(root: Path, folder: Path) -> None:
    """Write `_template` and `_history` of the repository `root` into `folder`."""
    history = folder / "_history"
    history.mkdir()
    releases = git(root, "tag", "--merged", "HEAD", "--list", RELEASES).split()
    tags = [f"refs/tags/{release}" for release in releases]
    # One thread: two would share the work, and so the bytes, differently each time.
    one_thread = ("-c", "pack.threads=1")
    git(
        root, *one_thread, "bundle", "create", "--quiet", history / "template.bundle", "HEAD", *tags
    )
    ref = git(root, "describe", "--tags", "--always", "--match", RELEASES)
    (history / "REF").write_text(f"{ref}\n")
    unpack(root, folder / "_template")


def unpack(root: Path, folder: Path) -> None:
    """Write the template of the last commit of `root` into `folder`, which must not exist."""
    paths = git(root, "ls-tree", "--name-only", "HEAD", *TEMPLATE).splitlines()
    archive = subprocess.run(
        ["git", "-c", "core.autocrlf=false", "archive", "HEAD", *paths],
        cwd=root, check=True, capture_output=True,
    ).stdout  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for file in files:
            if content := files.extractfile(file):
                target = folder / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
                target.chmod(0o755 if file.mode & 0o100 else 0o644)


def git(root: Path, *arguments: str | Path) -> str:
    """What git prints, stripped."""
    result = subprocess.run(
        ["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True
    )
    return result.stdout.strip()
