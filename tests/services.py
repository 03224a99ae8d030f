"""Generated services as real processes: install, configure, migrate, serve, work, stop, kill.

One `Service` is a generated project with a database and a configuration; its `api()` and
`worker()` are processes of their own, so that a test can have several replicas of each.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.components import Process, free_ports, wait_until
from tests.runtimes import WORK, Entry, Runtime
from tests.runtimes.python import find_uv

MACHINE = ("PATH", "HOME", "LANG", "TMPDIR")
"""The variables of the tester's environment that a service or its tools may see."""

ADMIN = ("admin@example.com", "correct horse battery staple")


def generate(path: Path, *flags: str) -> Path:
    """Make a project with `scaffold new` from the template of this checkout; gives its path.

    Raises AssertionError with what the tool said when it fails.
    """
    command = [sys.executable, "-m", "scaffold", "new", str(path), "--no-git", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return path


def make(project: Path, target: str, **env: str) -> str:
    """Run a target of the project as a user does; gives what it prints.

    Raises AssertionError with everything it said when it fails.
    """
    done = subprocess.run(
        ["make", target],
        cwd=project,
        env={**tool_environment(), **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tool_environment() -> dict[str, str]:
    """The environment for the tools of a project: that of the tester, with uv, Node and servers."""
    # The packages of this repository must not replace those of the project.
    own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    folders = (Path(find_uv()).parent, WORK / "elasticmq", WORK / "mongodb", WORK / "node/bin")
    return {**own, "PATH": os.pathsep.join([*map(str, folders), own["PATH"]])}


@dataclass
class Service:
    """A generated project, the runtime that has its packages, and its configuration."""

    answers: Mapping[str, Any]
    project: Path
    runtime: Runtime
    env: dict[str, str]
    logs: Path
    running: list[Replica | Worker] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=itertools.count)

    @property
    def has_accounts(self) -> bool:
        """Whether callers have to sign in."""
        return bool(self.answers["auth"] != "none")

    @property
    def has_queue(self) -> bool:
        """Whether orders are confirmed by a worker."""
        return bool(self.answers["queue"] != "none")

    @property
    def has_webhooks(self) -> bool:
        """Whether placed orders are delivered to the endpoints of users."""
        return bool(self.answers["webhooks"] != "none")

    def sign_in(self, url: str, name: str) -> dict[str, str]:
        """The headers of a member; none are needed without accounts."""
        if not self.has_accounts:
            return {}
        return sign_in(url, f"{name}@example.com", "a long enough password")

    def sign_in_admin(self, url: str) -> dict[str, str]:
        """The headers of an admin, who is created; none are needed without accounts."""
        if not self.has_accounts:
            return {}
        self.cli("create-admin", "--email", ADMIN[0], ADMIN_PASSWORD=ADMIN[1])
        return sign_in(url, *ADMIN)

    def migrate(self) -> None:
        """Bring the database to the newest migration."""
        self.cli("migrate")

    def cli(self, *arguments: str, **env: str) -> str:
        """Run a command of its CLI; gives its standard output.

        Raises AssertionError with everything it said when it fails.
        """
        return self._run("cli", *arguments, **env)

    def migration_tool(self, *arguments: str) -> None:
        """Run the tool for migrations. Raises AssertionError like `cli`."""
        self._run("migrations", *arguments)

    def api(self, **env: str) -> Replica:
        """Start one API process on a free port and wait until it is ready."""
        replica = Replica(self, env)
        self.running.append(replica)
        replica.start()
        return replica

    def worker(self, **env: str) -> Worker:
        """Start one worker process."""
        worker = Worker(self, env)
        self.running.append(worker)
        worker.start()
        return worker

    def stop(self) -> None:
        """Kill whatever of this service still runs."""
        for each in self.running:
            each.process.kill()
        self.running.clear()

    def log_file(self, name: str) -> Path:
        """A new file for the output of one process."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{next(self._count):03}-{name}.log"

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process: nothing of the tester's own but the search path."""
        machine = {name: os.environ[name] for name in MACHINE if name in os.environ}
        return {**machine, **self.runtime.environment, **self.env, **extra}

    def _run(self, entry: Entry, *arguments: str, **env: str) -> str:
        done = subprocess.run(
            [*self.runtime.command(entry), *arguments],
            cwd=self.project,
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{entry} {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout


class Replica:
    """One API process; started again, it listens on the same port."""

    def __init__(self, service: Service, env: Mapping[str, str]) -> None:
        self.port, self.metrics_port = free_ports(2)
        self._service = service
        own = {"HOST": "127.0.0.1", "PORT": self.port, "METRICS_PORT": self.metrics_port}
        self._env = {**{name: str(value) for name, value in own.items()}, **env}
        self.process: Process

    @property
    def url(self) -> str:
        """Its origin, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start the process; gives the seconds until it was ready."""
        self.process = self.launch()
        return self.wait_ready()

    def launch(self) -> Process:
        """A new process on its port; the caller keeps it."""
        service = self._service
        return Process(
            service.runtime.command("api"),
            log=service.log_file("api"),
            env=service.environment(self._env),
            cwd=service.project,
        )

    def wait_ready(self, seconds: float = 20) -> float:
        """Wait until `/readyz` answers 200; gives the seconds it took."""
        return wait_until(self.is_ready, seconds, f"{self.url} was not ready", self.process)

    def is_ready(self) -> bool:
        """Whether `/readyz` answers 200 now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=3).status_code == 200
        except httpx.TransportError:
            return False

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM, then wait; gives the exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def metrics(self) -> dict[str, float]:
        """The samples it exposes now, by name and labels as written in the exposition."""
        return _scrape(self.metrics_port)


class Worker:
    """One worker process."""

    def __init__(self, service: Service, env: Mapping[str, str]) -> None:
        self.metrics_port = free_ports(1)[0]
        self._service = service
        self._env = {"METRICS_PORT": str(self.metrics_port), **env}
        self.process: Process

    def start(self) -> None:
        """Start the process; it takes about half a second until it claims messages."""
        service = self._service
        self.process = Process(
            service.runtime.command("worker"),
            log=service.log_file("worker"),
            env=service.environment(self._env),
            cwd=service.project,
        )

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM, then wait; gives the exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def metrics(self) -> dict[str, float]:
        """The samples it exposes now; empty while it exposes none."""
        try:
            return _scrape(self.metrics_port)
        except httpx.TransportError:
            return {}


def production_like(database_url: str, **more: str) -> dict[str, str]:
    """The configuration of the drills: production, but registration open and budgets wide."""
    return {
        "APP_ENV": "production",
        "DATABASE_URL": database_url,
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "ALLOWED_HOSTS": "127.0.0.1",
        "AUTH_REGISTRATION": "open",
        "AUTH_RATE_LIMIT": "10000/minute",
        "WEBHOOK_SIGNING_KEYS": "a-key-for-drills-with-32-characters-or-more",
        "RATE_LIMIT_DEFAULT": "10000000/minute",
        "SHUTDOWN_DELAY_SECONDS": "1",
        **more,
    }


def sign_in(url: str, email: str, password: str) -> dict[str, str]:
    """Log in, registering first where that is needed; gives the headers to send."""
    credentials = {"email": email, "password": password}
    login = httpx.post(f"{url}/api/v1/auth/login", json=credentials, timeout=10)
    if login.status_code == 401:
        registered = httpx.post(f"{url}/api/v1/auth/register", json=credentials, timeout=10)
        assert registered.status_code == 201, registered.text
        login = httpx.post(f"{url}/api/v1/auth/login", json=credentials, timeout=10)
    assert login.status_code == 200, login.text
    return {"Authorization": f"Bearer {login.json()['access_token']}"}


def _scrape(port: int) -> dict[str, float]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=3).text
    samples = (line.rpartition(" ") for line in text.splitlines() if line[:1] not in ("#", ""))
    return {name: float(value) for name, _, value in samples}
