"""The languages of generated services: how a service is installed, run and given code of a drill.

A module with the name of the language has `MARKER`, a file that only its projects have, and its
`Runtime`. The proof of a row depends only on the module of its own language.
"""

from __future__ import annotations

import fcntl
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from tests.drills.databases import Database

WORK = Path(__file__).parents[2] / ".work"

Entry = Literal["api", "worker", "cli", "migrations"]
"""The programs of a service. `migrations` takes `check`, `upgrade head` and `downgrade base`."""


class Runtime(Protocol):
    """What runs the services of one language, with the packages of one project. No path is its own.

    All commands run in the folder of the project.
    """

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that every process of a service needs."""

    @property
    def publisher(self) -> list[str]:
        """The command that publishes numbers; its arguments are the first, the last and subjects.

        `add_handlers` has made it. The last number is not published.
        """

    @property
    def cache_reader(self) -> list[str]:
        """The command that reads a cached value many times at once; its argument is how often.

        It prints `ready`, waits for a line, and prints its number of reads of the database.
        """

    def command(self, entry: Entry) -> list[str]:
        """How to run a program of a service."""

    def database_url(self, database: Database) -> str:
        """The URL of a database as a service takes it."""

    def add_handlers(self, project: Path, database: Database) -> None:
        """Replace the handlers of a project by those that note what they handle in `database`.

        The handler kills its process for the subject `poison` and fails for `broken`, until the
        project has a file `fixed`.
        """


def install(project: Path) -> Runtime:
    """Install what a project locks. Raises CalledProcessError when that fails."""
    runtime: Runtime = _module(project).install(project)
    return runtime


def count(project: Path, output: str) -> tuple[int, int]:
    """How many tests passed and the coverage in percent, from the output of `make test`."""
    passed: tuple[int, int] = _module(project).count(output)
    return passed


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let parallel test processes wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _module(project: Path) -> Any:
    names = [module.name for module in pkgutil.iter_modules(__path__, f"{__name__}.")]
    [found] = [each for each in map(import_module, names) if (project / each.MARKER).exists()]
    return found
