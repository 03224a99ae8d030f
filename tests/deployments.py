"""Fixtures of the drills and the fuzzing: a generated service with a database of its own.

They run for the rows of `--row`, by default for the presets `starter` and `production`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import TEMPLATE, Answers, label, row_id, rows
from tests.components import ensure
from tests.components.memcached import Memcached
from tests.components.redis import Redis
from tests.drills import brokers, databases
from tests.drills.brokers import Broker
from tests.drills.databases import Database
from tests.runtimes import Runtime, install
from tests.services import Service, generate, production_like

USUAL = ("starter", "production")
_WITHOUT = {"auth": ("none",), "queue": ("none",), "cache": ("memory",)}
"""The answers without the part that a test with the marker `needs` is about."""
CacheServer = Redis | Memcached
_names = (f"drill_{number}" for number in itertools.count())


@dataclass(frozen=True)
class Deployment:
    """A generated project with its packages, and a migrated database that nobody uses."""

    answers: Answers
    project: Path
    runtime: Runtime
    database: Database
    cache: CacheServer | None
    private_key: str


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a deployment for each chosen row."""
    if "deployment" in metafunc.fixturenames:
        chosen = _chosen(metafunc.config)
        metafunc.parametrize("deployment", chosen, ids=label, indirect=True, scope="session")


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remove the tests that do not apply to their row, by the markers `needs` and `only`."""
    inapplicable = [item for item in items if not _applies(item)]
    items[:] = [item for item in items if item not in inapplicable]
    config.hook.pytest_deselected(items=inapplicable)


def _applies(item: pytest.Item) -> bool:
    needed = [axis for marker in item.iter_markers("needs") for axis in marker.args]
    wanted = [pair for marker in item.iter_markers("only") for pair in marker.kwargs.items()]
    if not needed and not wanted:
        return True
    assert isinstance(item, pytest.Function)
    row: Any = item.callspec.params["deployment"]
    return all(row[axis] not in _WITHOUT[axis] for axis in needed) and all(
        row[axis] in choices for axis, choices in wanted
    )


def _chosen(config: pytest.Config) -> list[Answers]:
    ids = config.getoption("--row") or [row_id(TEMPLATE.presets[name].answers) for name in USUAL]
    known = {row_id(row): row for row in rows()}
    if unknown := set(ids) - known.keys():
        raise pytest.UsageError(f"there is no row {', '.join(unknown)}")
    return [known[each] for each in ids]


@pytest.fixture(scope="session")
def deployment(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    record_testsuite_property: Callable[[str, object], None],
) -> Deployment:
    """The service of one row, with everything on."""
    answers: Answers = request.param
    folder = tmp_path_factory.mktemp(str(answers["database"]))
    flags = [word for name, value in answers.items() for word in (f"--{name}", str(value))]
    project = generate(folder / "drill", *flags)
    kind = str(answers["database"])
    database = databases.create(kind, "drill", folder)
    record_testsuite_property(f"server:{kind}", database.version)
    runtime = install(project)
    cache = _cache(str(answers["cache"]))
    if cache:
        served_by = f"{cache.version} {cache.provenance}"
        record_testsuite_property(f"server:{answers['cache']}", served_by)
    env = {"DATABASE_URL": runtime.database_url(database)}
    bare = Service(answers, project, runtime, env, folder / "logs")
    bare.migrate()
    key = bare.cli("generate-key") if answers["auth"] == "jwt" else ""
    return Deployment(answers, project, runtime, database, cache, key)


@pytest.fixture
def database(deployment: Deployment) -> Database:
    """This drill's own copy of the migrated database."""
    return deployment.database.copy(next(_names))


@pytest.fixture
def broker(
    deployment: Deployment, record_testsuite_property: Callable[[str, object], None]
) -> Broker | None:
    """This drill's own empty broker; None if the queue of the row needs none."""
    queue = str(deployment.answers["queue"])
    broker = brokers.create(queue, next(_names))
    if broker:
        record_testsuite_property(f"server:{queue}", broker.version)
    return broker


@pytest.fixture
def service(
    deployment: Deployment, database: Database, broker: Broker | None, tmp_path: Path
) -> Iterator[Service]:
    """This drill's own service, configured as in production; whatever it started is ended."""
    secrets = {"AUTH_PRIVATE_KEY": deployment.private_key} if deployment.private_key else {}
    if deployment.cache:
        secrets["CACHE_URL"] = deployment.cache.url
    if broker:
        secrets |= broker.settings
    env = production_like(deployment.runtime.database_url(database), **secrets)
    logs = tmp_path / "logs"
    service = Service(deployment.answers, deployment.project, deployment.runtime, env, logs)
    yield service
    service.stop()


@pytest.fixture
def cache(deployment: Deployment) -> Iterator[CacheServer]:
    """The cache of the deployment, empty; it runs again after the drill."""
    assert deployment.cache
    deployment.cache.kill()
    deployment.cache.start()
    yield deployment.cache
    deployment.cache.kill()
    deployment.cache.start()


def _cache(kind: str) -> CacheServer | None:
    """The server of the cache, if it has one."""
    if kind == "redis":
        return ensure(Redis)
    return ensure(Memcached) if kind == "memcached" else None
