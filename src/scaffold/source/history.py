"""Reads the releases of a template and their files from its git repository."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.git import commands as git
from scaffold.template.spec import PARTS
from scaffold.terminal.errors import Problem

_RELEASE = re.compile(r"v?\d+(\.\d+)*")


class History:
    """The git repository of one template."""

    def __init__(self, repository: Path) -> None:
        """`repository` is a checkout or a bare clone."""
        self._repository = repository

    def commit(self, ref: str) -> str | None:
        """The full id of the commit at `ref`; None when there is none."""
        return git.ask(self._repository, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")

    def describe(self, ref: str) -> str:
        """The name of a commit as copier records it: `v1.2.0`, `v1.2.0-3-g1a2b3c4`, `1a2b3c4`."""
        return git.read(self._repository, "describe", "--tags", "--always", ref).strip()

    def newest(self) -> str:
        """The tag of the newest release, chosen as copier does; `HEAD` when there is none."""
        releases = git.read(self._repository, "tag").split()
        return max(filter(_RELEASE.fullmatch, releases), key=version, default="HEAD")

    def leads_to(self, earlier: str, later: str) -> bool:
        """Whether `earlier` is an ancestor of the commit `later`, or the same commit."""
        question = ("merge-base", "--is-ancestor", earlier, later)
        return git.ask(self._repository, *question) is not None

    def export(self, ref: str, folder: Path) -> Path:
        """Write the template at `ref` into the new folder `folder`. Returns `folder`."""
        folder.mkdir()
        entries = git.read(self._repository, "ls-tree", "-z", "--name-only", ref).split("\0")
        parts = set(PARTS).intersection(entries) if "template" in entries else {"."}
        git.read(
            self._repository,
            *("-c", "core.autocrlf=false", f"--work-tree={folder}"),
            *("checkout", "--quiet", ref, "--", *sorted(parts)),
            index=folder.with_name(f"{folder.name}.index"),
        )
        return folder


@contextmanager
def opened(address: str) -> Iterator[History]:
    """The history of the template at `address`: a checkout, a bundle or a git address.

    Raises:
        Problem: there is nothing to read.
    """
    place = Path(address).expanduser()
    if place.is_dir():
        if git.ask(place, "rev-parse", "--git-dir") is None:
            raise Problem(
                f"the template {place} is no git repository",
                "updates need the git history of the template",
            )
        yield History(place)
        return
    with tempfile.TemporaryDirectory(prefix="scaffold-history-") as parent:
        clone = Path(parent) / "template.git"
        url = str(place) if place.exists() else address.removeprefix("git+")
        git.clone(url, clone, bare=True)
        yield History(clone)


def version(tag: str) -> tuple[int, ...]:
    """The numbers of a release tag, for comparison: (1, 2, 0) of `v1.2.0`."""
    return tuple(int(part) for part in tag.removeprefix("v").split("."))
