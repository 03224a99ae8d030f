"""Services in TypeScript: npm installs their packages, and Node runs what they compile to."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.runtimes import WORK, Entry, exclusive

if TYPE_CHECKING:
    from tests.drills.databases import Database

MARKER = "package-lock.json"
_HOME = WORK / "node"
_PACKAGES = _HOME / "packages"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PASSED = re.compile(r"^\s*Tests\s.*?(\d+) passed", re.MULTILINE)
_COVERAGE = re.compile(r"^All files\s*\|" + r"\s*([\d.]+)\s*\|" * 4, re.MULTILINE)
_MIGRATIONS = """\
import { execFileSync } from 'node:child_process';
import { settingsOrExit } from './dist/config/index.js';
import { migrateDown, migrateUp } from './dist/migrate.js';

const [action] = process.argv.slice(1);
const settings = settingsOrExit();
if (action === 'upgrade') await migrateUp(settings);
if (action === 'downgrade') await migrateDown(settings);
if (action === 'check') {
  const missing = await migrateUp(settings);
  if (missing.length > 0) throw new Error(`these migrations have not run: ${missing}`);
  execFileSync(process.execPath, ['scripts/drift.ts'], { stdio: 'inherit' });
}
"""
_SUBSCRIPTIONS = """\
/** Handlers of the drill. */

import { existsSync } from 'node:fs';

import { sql } from 'kysely';

import type { Session } from './database.ts';
import type { Event } from './messaging/events.ts';
import type { DataSchemas, Handlers } from './messaging/handlers.ts';

async function note({ db }: Session, { subject, data }: Event): Promise<void> {
  if (subject === 'poison' && !existsSync('fixed')) process.kill(process.pid, 'SIGKILL');
  if (subject === 'broken' && !existsSync('fixed')) throw new Error('the pot is empty');
  const values = sql.join([subject, data['number']]);
  await sql`insert into drill_notes (subject, number) values (${values})`.execute(db);
}

export const HANDLERS: Handlers = { 'drill.noted': [note], 'order.placed': [] };
export const DATA: DataSchemas = {};
"""
_PUBLISHER = """\
import { settingsOrExit } from './dist/config/index.js';
import { Database } from './dist/database.js';
import { publish } from './dist/messaging/events.js';

const [first, last, ...subjects] = process.argv.slice(1);
const database = new Database(settingsOrExit());
for (let number = Number(first); number < Number(last); number += 1) {
  await database.transaction(async (session) => {
    for (const subject of subjects) {
      await publish(session, { type: 'drill.noted', subject, data: { number } }, 'drill');
    }
  });
}
await database.close();
"""


@dataclass(frozen=True)
class Node:
    """The program `node`."""

    program: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The search path: the scripts of a project start `node` and `npx`."""
        return {"PATH": _with_first(self.program.parent)}

    @property
    def publisher(self) -> list[str]:
        """A program in an argument."""
        return self._evaluate(_PUBLISHER)

    @property
    def cache_reader(self) -> list[str]:
        """There is no cache that several processes share yet."""
        raise NotImplementedError("no service in TypeScript has a cache on a server")

    def command(self, entry: Entry) -> list[str]:
        """What an image runs. Migrations are a program in an argument."""
        if entry == "migrations":
            return self._evaluate(_MIGRATIONS)
        files = {"api": "main", "worker": "worker", "cli": "cli"}
        return [str(self.program), "--enable-source-maps", f"dist/{files[entry]}.js"]

    def database_url(self, database: Database) -> str:
        """That of a service in Python, without the name of its driver."""
        scheme, _, rest = database.url.partition("://")
        dialect = scheme.partition("+")[0]
        if dialect == "sqlite":
            return f"sqlite:{rest.removeprefix('/')}"
        return f"{dialect}://{rest}"

    def add_handlers(self, project: Path, database: Database) -> None:
        """Write the handlers and compile them."""
        del database  # one statement notes what was handled in each SQL database
        packages = project / "node_modules"
        if not packages.is_symlink():  # in a copy of the folder, programs do not find their modules
            shutil.rmtree(packages)
            packages.symlink_to(_PACKAGES / _key(project) / "node_modules")
        (project / "src/subscriptions.ts").write_text(_SUBSCRIPTIONS)
        _compile(project, self.environment)

    def _evaluate(self, code: str) -> list[str]:
        # Node sees that it is a module. Threads inherit --input-type, and do not start with it.
        return [str(self.program), "--eval", code]


def install(project: Path) -> Node:
    """Link all packages that the project locks, and compile it.

    Packages are kept under `.work/node`, once per content of the lock. Raises CalledProcessError
    when the lock cannot be installed, or when the project does not compile.
    """
    node = Node(find_node())
    packages = _PACKAGES / _key(project)
    with exclusive(packages.with_suffix(".lock")):
        if not (packages / "complete").exists():
            shutil.rmtree(packages, ignore_errors=True)
            packages.mkdir(parents=True)
            for name in ("package.json", MARKER, ".npmrc"):
                shutil.copy(project / name, packages)
            _run(["npm", "ci", "--loglevel=error"], packages, node.environment)
            (packages / "complete").touch()
    (project / "node_modules").symlink_to(packages / "node_modules")
    _compile(project, node.environment)
    return node


def count(output: str) -> tuple[int, int]:
    """What vitest and its coverage say: the lowest of the four percentages."""
    plain = _COLOUR.sub("", output)
    passed, covered = _PASSED.search(plain), _COVERAGE.search(plain)
    assert passed, "vitest counted no tests"
    assert covered, "no coverage was measured"
    return int(passed[1]), int(min(map(float, covered.groups())))


def find_node() -> Path:
    """The Node that `scripts/setup.sh servers` installed, else the one on the path."""
    local = _HOME / "bin" / "node"
    if local.exists():
        return local
    if found := shutil.which("node"):
        return Path(found)
    raise FileNotFoundError("Node is not installed: run `scripts/setup.sh servers`")


def _key(project: Path) -> str:
    """The hash of the packages that are locked, whatever the service is called."""
    locked = json.loads((project / MARKER).read_text())["packages"]
    locked[""].pop("name")
    return hashlib.sha256(json.dumps(locked, sort_keys=True).encode()).hexdigest()[:16]


def _compile(project: Path, environment: Mapping[str, str]) -> None:
    _run(["npm", "run", "--silent", "build"], project, environment)


def _run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, check=True)


def _with_first(folder: Path) -> str:
    """The search path of this process with a folder before all others."""
    return os.pathsep.join([str(folder), os.environ["PATH"]])
