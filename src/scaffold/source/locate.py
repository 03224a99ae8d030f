"""Finds the template, and the address from which `copier update` will get it."""

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
    """A template folder and its origin.

    `origin` has `_src_path` and `_commit` as copier writes them; without `_commit` the project
    cannot be updated. `caution` is a warning for the user, or empty. `needs_bundle` is True when
    updates read the bundle that `keep_bundle` copies into the data folder.
    """

    root: Path
    origin: Mapping[str, str] = field(default_factory=dict)
    caution: str = ""
    needs_bundle: bool = False

    @property
    def updatable(self) -> bool:
        """Whether a project made from it can be updated."""
        return "_commit" in self.origin


def shipped() -> Path:
    """The template of this scaffold: its checkout, else the copy in the package."""
    return _CHECKOUT if _runs_in_place() else _EMBEDDED


def checkout() -> Path | None:
    """The git checkout that scaffold runs in or was installed from, if any."""
    if _runs_in_place():
        return _CHECKOUT
    return _noted_checkout(_direct_url())


def bundle() -> Path | None:
    """The git bundle of the template's history that this installed scaffold carries.

    It has HEAD and the release tags. None when there is a `checkout()`.
    """
    file = _HISTORY / "template.bundle"
    return file if file.is_file() and checkout() is None else None


def repository() -> Path | None:
    """The git history of the own template: its checkout, else the bundle."""
    return checkout() or bundle()


def ref() -> str | None:
    """The name of HEAD in the `bundle()`: a release like `v1.2.0`, else `v1.2.0-3-g1a2b3c4`."""
    return _carried_ref() if bundle() else None


def address() -> str | None:
    """The `_src_path` that `new` records for the own template; None without a history."""
    source = _own()
    return source.origin["_src_path"] if source.updatable else None


def is_own(recorded: str) -> bool:
    """Whether the `_src_path` of a project names the template of this scaffold.

    All forms of its addresses count, and its bundle in the data folder of any user.
    """
    return bundles.is_recorded(recorded) or any(
        addresses.same(recorded, own) for own in _own_addresses()
    )


def keep_bundle() -> str:
    """Copy the `bundle()`, if there is one, into the data folder of the user.

    A newer bundle that is already there stays.

    Returns:
        A warning when it cannot be found there; else an empty text.
    """
    carried = bundle()
    return bundles.keep(carried) if carried else ""


@contextmanager
def opened(place: str | None) -> Iterator[Source]:
    """The template at `place`, a folder or a git address; by default the own template.

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
    """Where the installer got this package from (PEP 610)."""
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
    """The public address of the template: the entry Template of `[project.urls]`, if any."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        links = metadata(DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    named: dict[str, str] = dict(link.split(", ", 1) for link in links)
    return named.get("Template", "")


def _local(folder: Path) -> Source:
    """A local folder. When it is a git checkout, updates start from its last commit."""
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
    """A new clone at the newest release, chosen as copier does, or at HEAD."""
    if not git.is_installed():
        raise Problem("git is missing", f"install git: the template {url} needs it")
    git.clone(url.removeprefix("git+"), folder)
    git.ask(folder, "checkout", "--quiet", History(folder).newest())
    commit = git.ask(folder, "describe", "--tags", "--always") or ""
    return Source(folder, {"_src_path": addresses.for_copier(url), "_commit": commit})
