"""Finds the template, and the words by which `copier update` will find it again."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scaffold import git
from scaffold.problems import Problem

DISTRIBUTION = "backend-scaffold"
_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parents[1]
_EMBEDDED = _PACKAGE / "_template"

# What copier takes for a git address without being told so by the prefix `git+`.
_GIT_ADDRESS = re.compile(r"^(git@|git://|git\+|https://(github|gitlab)\.com/)|\.git$")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Source:
    """A template folder, and where it came from.

    `origin` has `_src_path` and `_commit` as copier writes them; it lacks `_commit` when no update
    can start from here. `caution` says so, or what else to know, in one sentence.
    """

    root: Path
    origin: Mapping[str, str] = field(default_factory=dict)
    caution: str = ""

    @property
    def updatable(self) -> bool:
        """Whether `copier update` will work in a project made from it."""
        return "_commit" in self.origin


def shipped() -> Path:
    """The template of this very scaffold: its own checkout, else the copy in the package."""
    return _CHECKOUT if _runs_in_place() else _EMBEDDED


@contextmanager
def opened(address: str | None) -> Iterator[Source]:
    """The template at `address` (a folder or a git address), else the one scaffold came with.

    Raises:
        Problem: there is nothing at `address`.
    """
    if not address:
        yield _own()
    elif Path(address).exists():
        yield _local(Path(address).resolve())
    elif _GIT_ADDRESS.search(address) or "://" in address:
        with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
            yield _cloned(address, Path(folder) / "template")
    else:
        raise Problem(
            f"there is no template at {address}",
            "--template and SCAFFOLD_TEMPLATE take a folder or the address of a git repository",
        )


def _own() -> Source:
    if _runs_in_place():
        return _local(_CHECKOUT)
    return _installed(_direct_url())


def _runs_in_place() -> bool:
    return _PACKAGE.parent.name == "src" and (_CHECKOUT / "copier.yml").is_file()


def _direct_url() -> Mapping[str, object]:
    """What the installer noted about where this package came from (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    return json.loads(text) if text else {}


def _installed(noted: Mapping[str, object]) -> Source:
    address = str(noted.get("url", ""))
    match noted:
        case {"vcs_info": {"vcs": "git", "commit_id": str(commit)}}:
            return Source(_EMBEDDED, {"_src_path": _for_copier(address), "_commit": commit})
        case {"dir_info": _}:
            folder = Path(unquote(urlsplit(address).path))
            if (folder / "copier.yml").is_file():
                return _local(folder)
    return Source(
        _EMBEDDED,
        caution="this scaffold was not installed from git, so `copier update` will find no source; "
        "--template ADDRESS names one",
    )


def _local(folder: Path) -> Source:
    """A folder; when it is a git checkout, updates start from its last commit."""
    origin = {"_src_path": str(folder)}
    if not _is_repository(folder):
        reason = "is no git repository" if git.is_installed() else "cannot be read without git"
        return Source(
            folder, origin, f"the template {folder} {reason}, so `copier update` cannot start there"
        )
    commit = git.ask(folder, "describe", "--tags", "--always")
    if not commit:
        return Source(
            folder,
            origin,
            f"the template {folder} has no commit, so `copier update` cannot start there",
        )
    changed = git.ask(folder, "status", "--porcelain", "--", "copier.yml", "template")
    caution = (
        f"the template {folder} has changes that are not committed: the project has them, but "
        f"`copier update` starts from the last commit, {commit}"
    )
    return Source(folder, {**origin, "_commit": commit}, caution if changed else "")


def _is_repository(folder: Path) -> bool:
    top = git.ask(folder, "rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == folder.resolve()


def _cloned(address: str, folder: Path) -> Source:
    """A fresh clone at its newest release, as copier chooses it; without a release, at its head."""
    if not git.is_installed():
        raise Problem("git is missing", f"install git: the template {address} needs it")
    git.clone(address.removeprefix("git+"), folder)
    releases = [tag for tag in (git.ask(folder, "tag") or "").split() if _RELEASE.fullmatch(tag)]
    if releases:
        git.ask(folder, "checkout", "--quiet", max(releases, key=_version))
    commit = git.ask(folder, "describe", "--tags", "--always") or ""
    return Source(folder, {"_src_path": _for_copier(address), "_commit": commit})


def _version(tag: str) -> tuple[int, ...]:
    return tuple(int(part) for part in tag.removeprefix("v").split("."))


def _for_copier(address: str) -> str:
    return address if _GIT_ADDRESS.search(address) else f"git+{address}"
