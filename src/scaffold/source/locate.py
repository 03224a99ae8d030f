"""Finds the template, and the words by which `copier update` will find it again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scaffold.git import commands as git
from scaffold.source import address as addresses
from scaffold.source import bundle as bundles
from scaffold.source.history import History
from scaffold.terminal.errors import Problem

DISTRIBUTION = "backend-scaffold"
_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = _PACKAGE.parents[1]
_EMBEDDED = _PACKAGE / "_template"
_HISTORY = _PACKAGE / "_history"


@dataclass(frozen=True)
class Source:
    """A template folder, and where it came from.

    `origin` has `_src_path` and `_commit` as copier writes them; it lacks `_commit` when no update
    can start from here. `caution` says so, or what else to know, in one sentence. `needs_bundle`
    is whether updates will read the bundle that `keep_bundle` puts into the data folder.
    """

    root: Path
    origin: Mapping[str, str] = field(default_factory=dict)
    caution: str = ""
    needs_bundle: bool = False

    @property
    def updatable(self) -> bool:
        """Whether `copier update` will work in a project made from it."""
        return "_commit" in self.origin


def shipped() -> Path:
    """The template of this very scaffold: its own checkout, else the copy in the package."""
    return _CHECKOUT if _runs_in_place() else _EMBEDDED


def checkout() -> Path | None:
    """The checkout that scaffold runs in or was installed from, which is the template then."""
    if _runs_in_place():
        return _CHECKOUT
    return _noted_checkout(_direct_url())


def bundle() -> Path | None:
    """The git bundle of the template's history that this installed scaffold carries.

    It holds HEAD and the release tags. None where there is a `checkout()`, which has them itself.
    """
    file = _HISTORY / "template.bundle"
    return file if file.is_file() and checkout() is None else None


def repository() -> Path | None:
    """The history of scaffold's own template: its checkout, else the bundle it carries."""
    return checkout() or bundle()


def ref() -> str | None:
    """What HEAD of the `bundle()` is called: a release like `v1.2.0`, else as git describes it."""
    return _carried_ref() if bundle() else None


def address() -> str | None:
    """What `new` records as `_src_path` for scaffold's own template; None without a history."""
    source = _own()
    return source.origin["_src_path"] if source.updatable else None


def is_own(recorded: str) -> bool:
    """Whether a project's `_src_path` names the template that this scaffold carries.

    Every spelling of its addresses counts, and so does its bundle in anybody's data folder.
    """
    return bundles.is_recorded(recorded) or any(
        addresses.same(recorded, own) for own in _own_addresses()
    )


def keep_bundle() -> str:
    """Put the `bundle()`, if there is one, where projects without an address look for it.

    That is a file in the user's data folder. A newer one that is there stays.

    Returns:
        What to tell the user when it cannot be found there now; else nothing.
    """
    carried = bundle()
    return bundles.keep(carried) if carried else ""


@contextmanager
def opened(place: str | None) -> Iterator[Source]:
    """The template at `place` (a folder or a git address), else the one scaffold came with.

    Raises:
        Problem: there is nothing at `place`.
    """
    if not place:
        yield _own()
    elif Path(place).exists():
        yield _local(Path(place).resolve())
    elif addresses.is_remote(place):
        with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
            yield _cloned(place, Path(folder) / "template")
    else:
        raise Problem(
            f"there is no template at {place}",
            "--template and SCAFFOLD_TEMPLATE take a folder or the address of a git repository",
        )


def _own() -> Source:
    if folder := checkout():
        return _local(folder)
    noted, public = _direct_url(), _public_address()
    installed_from = _noted_repository(noted)
    # A public address is for everybody; that of the installation may be an ssh one, or a fork's.
    if installed_from and not addresses.same(installed_from, public):
        return _embedded(installed_from, _carried_ref() or _noted_commit(noted))
    if public:
        return _embedded(public, _carried_ref())
    return _bundled()


def _embedded(repository: str, commit: str | None) -> Source:
    origin = {"_src_path": addresses.for_copier(repository)}
    return Source(_EMBEDDED, {**origin, "_commit": commit} if commit else origin)


def _bundled() -> Source:
    commit = ref()
    if commit is None:
        return Source(
            _EMBEDDED,
            caution="this scaffold was built without its history, so `copier update` will find no "
            "source; --template ADDRESS names one",
        )
    return Source(
        _EMBEDDED,
        {"_src_path": bundles.recorded(), "_commit": commit},
        "plain `copier update` will work only on machines where scaffold has made or updated a "
        "project; `scaffold update` will work on all",
        needs_bundle=True,
    )


def _own_addresses() -> Iterator[str]:
    if _runs_in_place():
        yield str(_CHECKOUT)
    elif url := str(_direct_url().get("url", "")):
        yield url
    if public := _public_address():
        yield public


def _runs_in_place() -> bool:
    return _PACKAGE.parent.name == "src" and (_CHECKOUT / "copier.yml").is_file()


def _carried_ref() -> str | None:
    file = _HISTORY / "REF"
    return file.read_text().strip() if file.is_file() else None


def _direct_url() -> Mapping[str, object]:
    """What the installer noted about where this package came from (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    return json.loads(text) if text else {}


def _noted_checkout(noted: Mapping[str, object]) -> Path | None:
    if "dir_info" not in noted:
        return None
    folder = addresses.folder_of(str(noted["url"]))
    is_checkout = (folder / "copier.yml").is_file() and (folder / ".git").exists()
    return folder if is_checkout else None


def _noted_repository(noted: Mapping[str, object]) -> str:
    match noted:
        case {"url": str(url), "vcs_info": {"vcs": "git"}}:
            return url
    return ""


def _noted_commit(noted: Mapping[str, object]) -> str | None:
    match noted:
        case {"vcs_info": {"commit_id": str(commit)}}:
            return commit
    return None


def _public_address() -> str:
    """What `[project.urls]` calls Template: the public home of the template, if it has one."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        links = metadata(DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    named: dict[str, str] = dict(link.split(", ", 1) for link in links)
    return named.get("Template", "")


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


def _cloned(url: str, folder: Path) -> Source:
    """A fresh clone at its newest release, as copier chooses it; without a release, at its head."""
    if not git.is_installed():
        raise Problem("git is missing", f"install git: the template {url} needs it")
    git.clone(url.removeprefix("git+"), folder)
    git.ask(folder, "checkout", "--quiet", History(folder).newest())
    commit = git.ask(folder, "describe", "--tags", "--always") or ""
    return Source(folder, {"_src_path": addresses.for_copier(url), "_commit": commit})
