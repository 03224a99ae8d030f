"""`scaffold doctor` on machines that lack something."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from scaffold.cli.app import run
from scaffold.cli.doctor import _defaults, _needs
from scaffold.doctor import needs, ports, programs
from scaffold.doctor.needs import GIT, Place, examine
from scaffold.doctor.settings import settings
from tests.combinations import answered, combinations, is_offered, label
from tests.components import free_ports, wait_until
from tests.tool.conftest import Scaffold, signals_kept

HERE = "127.0.0.1"
VERSIONS = {"git": "git version 2.39.5", "make": "GNU Make 4.3", "python3": "Python 3.12.1"}

Install = Callable[..., None]


@dataclass(frozen=True)
class Usage:
    """Of a disk."""

    free: int


@pytest.fixture(autouse=True)
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A machine with git, make and Python, a free port and no server; gives a way to add more."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def add(program: str, prints: str = "1.0", does: str = "") -> None:
        file = folder / program
        file.write_text(f"#!/bin/sh\n{does}\necho {prints}\n")
        file.chmod(0o755)

    for program, prints in VERSIONS.items():
        add(program, prints)
    for name in ("METRICS_PORT", "HOST", "DATABASE_URL", "PORT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", str(free_ports(1)[0]))
    monkeypatch.setattr("scaffold.doctor.programs.glob", glob_elsewhere)
    monkeypatch.setattr("scaffold.doctor.needs.shutil.disk_usage", lambda _: Usage(80_290_000_000))
    monkeypatch.setenv("PATH", str(folder))
    return add


def glob_elsewhere(pattern: str) -> list[str]:
    """This machine may have a PostgreSQL in a folder of its own: not in these tests."""
    return [] if pattern.startswith("/usr") else glob(pattern)  # noqa: PTH207 - as machine has it


@pytest.fixture(scope="session")
def shops(template_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project for each database, and one with Redis. Do not change them."""
    folder = tmp_path_factory.mktemp("shops")
    options = ["--defaults", "--no-git", "--template", str(template_repository)]
    with signals_kept():
        for answer, choice in (
            ("database", "sqlite"),
            ("database", "postgresql"),
            ("cache", "redis"),
            ("queue", "rabbitmq"),
            ("queue", "kafka"),
        ):
            if is_offered(answer, choice):
                project = str(folder / f"on-{choice}")
                needed = ["--database", "postgresql"] if choice == "kafka" else []
                assert run(["new", project, *options, f"--{answer}", choice, *needed]) == 0
    return folder


@pytest.fixture
def shop(shops: Path, workplace: Path) -> Path:
    """A project with SQLite in the current folder."""
    return shutil.copytree(shops / "on-sqlite", workplace / "shop")


@pytest.fixture
def shop_with_server(shops: Path, workplace: Path) -> Path:
    """A project with PostgreSQL in the current folder."""
    return shutil.copytree(shops / "on-postgresql", workplace / "shop")


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on which this very process listens."""
    with socket.create_server((HERE, 0)) as server:
        yield server.getsockname()[1]


def test_a_machine_with_all_that_is_needed_is_told_so(shop: Path, scaffold: Scaffold) -> None:
    outcome = scaffold("doctor", "shop")
    assert outcome.out.splitlines() == [
        "ok        git 2.39.5",
        "ok        python 3.12.1",
        "ok        make 4.3",
        "optional  uv → `make setup` brings its own",
        "ok        python3's venv and pip",
        "ok        free space is 80,290 MB",
        f"ok        port {os.environ['PORT']} is free",
        "optional  docker → only images and `docker compose` need it",
    ]
    assert (outcome.code, outcome.err) == (0, "")


def test_what_is_missing_is_told_with_its_remedy(
    shop: Path, scaffold: Scaffold, tmp_path: Path
) -> None:
    (tmp_path / "bin/make").unlink()
    outcome = scaffold("doctor", "shop")
    remedy = "install it: apt install make, or xcode-select --install"
    assert f"missing   make → {remedy}\n" in outcome.out
    assert outcome.code == 1


def test_the_current_folder_is_the_project(
    shop: Path, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = scaffold("doctor", "shop")
    assert scaffold("doctor", "--project", "shop") == named
    assert scaffold("doctor", "shop", "--project", "./shop") == named
    monkeypatch.chdir(shop)
    assert scaffold("doctor") == named


def test_findings_in_colour_say_the_same(shop: Path, scaffold: Scaffold) -> None:
    plain = scaffold("doctor", "shop").out
    coloured = scaffold("doctor", "shop", "--color", "always").out
    assert coloured.startswith("\x1b[32mok       \x1b[0m git ")
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_outside_of_a_project_scaffold_needs_git_alone(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("doctor")
    assert (outcome.code, outcome.out) == (0, "ok        git 2.39.5\n")
    assert "This folder is not a project" in outcome.err
    (tmp_path / "bin/git").unlink()
    assert scaffold("doctor").out == "missing   git → install git: updates merge with it\n"


def test_json_has_the_same_findings(shop: Path, scaffold: Scaffold, tmp_path: Path) -> None:
    (tmp_path / "bin/make").unlink()
    outcome = scaffold("doctor", "shop", "--json")
    told = json.loads(outcome.out)
    assert (told["project"], told["ready"], outcome.code) == (str(shop), False, 1)
    found = {finding["name"]: finding for finding in told["findings"]}
    assert found["make"]["status"] == "missing"
    assert found["make"]["remedy"]
    assert found["python"] == {
        "name": "python",
        "status": "ok",
        "detail": "3.12.1",
        "remedy": "",
    }


def test_an_old_python_is_not_enough(shop: Path, scaffold: Scaffold, install: Install) -> None:
    install("python3", "Python 3.9.2")
    outcome = scaffold("doctor", "shop")
    assert "missing   python is too old: python3 is 3.9.2 → install Python" in outcome.out
    assert outcome.code == 1


def test_a_newer_python_beside_an_old_one_is(
    shop: Path, scaffold: Scaffold, install: Install
) -> None:
    install("python3", "Python 3.9.2")
    install("python3.13", "Python 3.13.0")
    assert "ok        python 3.13.0\n" in scaffold("doctor", "shop").out


def test_without_uv_python_must_be_able_to_make_environments(
    shop: Path, scaffold: Scaffold, install: Install
) -> None:
    install("python3", "Python 3.12.1", does='[ "$1" = --version ] || exit 1')
    outcome = scaffold("doctor", "shop")
    assert "missing   python3's venv and pip → install them" in outcome.out
    assert outcome.code == 1
    install("uv", "uv 0.13.8")
    outcome = scaffold("doctor", "shop")
    assert "venv" not in outcome.out
    assert "ok        uv 0.13.8\n" in outcome.out
    assert outcome.code == 0


def test_a_full_disk_is_told(
    shop: Path, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.doctor.needs.shutil.disk_usage", lambda _: Usage(5_000_000))
    outcome = scaffold("doctor", "shop")
    assert "missing   free space is 5 MB → the packages need 300 MB\n" in outcome.out
    assert outcome.code == 1


def test_who_has_the_port_is_told(
    shop: Path, scaffold: Scaffold, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(listener))
    outcome = scaffold("doctor", "shop")
    assert f"missing   port {listener} of {HERE} is not free: " in outcome.out
    assert f" has it, as process {os.getpid()} → free it, or set another PORT" in outcome.out
    assert outcome.code == 1


def test_the_port_is_the_one_in_the_dotenv_file(
    shop: Path, scaffold: Scaffold, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORT")
    (shop / ".env").write_text(f"PORT={free_ports(1)[0]}\nMETRICS_PORT={listener}\n")
    assert f"missing   metrics port {listener} of" in scaffold("doctor", "shop").out


def test_a_running_service_of_the_project_has_its_port(
    shop: Path, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_ports(1)[0]
    monkeypatch.setenv("PORT", str(port))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", HERE]
    with subprocess.Popen(command, cwd=shop, stderr=subprocess.DEVNULL) as service:
        wait_until(lambda: bool(list(ports._inodes(port))), 10, "no server")
        outcome = scaffold("doctor", "shop")
        service.kill()
    told = f"ok        port {port} is where this project runs, as process {service.pid}\n"
    assert told in outcome.out
    assert outcome.code == 0


@pytest.mark.parametrize("port", ["http", "65536", "-1"])
def test_a_port_that_is_none_is_told(
    port: str, shop: Path, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", port)
    told = f"missing   port {port!r} is no number from 0 to 65535 → "
    assert told in scaffold("doctor", "shop").out


def test_a_server_that_answers_is_enough(
    scaffold: Scaffold, shop_with_server: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+asyncpg://app:hunter2@{HERE}:{listener}/app"
    monkeypatch.setenv("DATABASE_URL", url)
    outcome = scaffold("doctor", "shop")
    assert f"ok        PostgreSQL answers at {HERE}:{listener}\n" in outcome.out
    assert "hunter2" not in outcome.out
    assert outcome.code == 0


def test_a_server_that_make_dev_can_start_is_enough(
    scaffold: Scaffold, shop_with_server: Path, install: Install, tmp_path: Path
) -> None:
    url = f"postgresql+asyncpg://app@{HERE}:{free_ports(1)[0]}/app"
    (shop_with_server / ".env").write_text(f"DATABASE_URL='{url}'\n")
    outcome = scaffold("doctor", "shop")
    assert "missing   PostgreSQL does not answer at 127.0.0.1:" in outcome.out
    assert outcome.code == 1
    install("initdb")
    outcome = scaffold("doctor", "shop")
    starter = tmp_path / "bin/initdb"
    assert f"ok        PostgreSQL is started by `make dev`, with {starter}\n" in outcome.out
    assert outcome.code == 0


def test_a_cache_needs_its_server(
    scaffold: Scaffold, shops: Path, workplace: Path, install: Install, tmp_path: Path
) -> None:
    shop = shutil.copytree(shops / "on-redis", workplace / "shop")
    (shop / ".env").write_text(f"CACHE_URL=redis://{HERE}:{free_ports(1)[0]}/0\n")
    outcome = scaffold("doctor", "shop")
    assert "missing   Redis does not answer at 127.0.0.1:" in outcome.out
    assert outcome.code == 1
    install("redis-server")
    outcome = scaffold("doctor", "shop")
    starter = tmp_path / "bin/redis-server"
    assert f"ok        Redis is started by `make dev`, with {starter}\n" in outcome.out


@pytest.mark.skipif(not is_offered("queue", "rabbitmq"), reason="RabbitMQ is not offered yet")
def test_a_queue_with_a_broker_needs_its_server(
    scaffold: Scaffold, shops: Path, workplace: Path
) -> None:
    shop = shutil.copytree(shops / "on-rabbitmq", workplace / "shop")
    (shop / ".env").write_text(f"QUEUE_URL=amqp://app:app@broker.invalid:{free_ports(1)[0]}/\n")

    outcome = scaffold("doctor", "shop")

    assert "missing   RabbitMQ does not answer at broker.invalid:" in outcome.out
    assert outcome.code == 1


@pytest.mark.skipif(not is_offered("queue", "kafka"), reason="Kafka is not offered yet")
def test_the_first_of_several_servers_is_looked_for(
    scaffold: Scaffold, shops: Path, workplace: Path, listener: int
) -> None:
    shop = shutil.copytree(shops / "on-kafka", workplace / "shop")
    (shop / ".env").write_text(f"QUEUE_URL=kafka://{HERE}:{listener},other.invalid:9092\n")

    outcome = scaffold("doctor", "shop")

    assert f"ok        Kafka answers at {HERE}:{listener}\n" in outcome.out


def test_a_server_on_another_machine_must_answer(
    scaffold: Scaffold, shop_with_server: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        raise ConnectionRefusedError

    install("initdb")
    monkeypatch.setattr("scaffold.doctor.needs.socket.create_connection", refuse)
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://app@db.internal/app")
    outcome = scaffold("doctor", "shop")
    assert "missing   PostgreSQL does not answer at db.internal:5432 → start it" in outcome.out
    assert outcome.code == 1


def test_an_address_that_is_none_is_told(
    scaffold: Scaffold, shop_with_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@localhost:five/app")
    told = "missing   PostgreSQL cannot be found: DATABASE_URL is no address → "
    assert told in scaffold("doctor", "shop").out


def test_programs_that_hang_do_not_keep_the_doctor(
    shop: Path, scaffold: Scaffold, install: Install
) -> None:
    for program in ("git", "make", "python3", "uv", "docker"):
        install(program, does="exec /bin/sleep 5")
    began = time.monotonic()
    outcome = scaffold("doctor", "shop")
    assert time.monotonic() - began < 1
    assert "missing   python is too old: python3 is of no known version → " in outcome.out
    assert "ok        make\n" in outcome.out


def test_a_look_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs._CHECKS, "slow", lambda *_: time.sleep(2))
    need = {"kind": "slow", "name": "weather", "remedy": "wait"}
    began = time.monotonic()
    first, second = examine([need, GIT], Place(Path.cwd(), {}))
    assert time.monotonic() - began < 1
    assert (first.status, first.detail) == ("missing", "could not be checked within 0.5 s")
    assert second.status == "ok"


def test_a_look_that_never_ends_does_not_keep_the_process() -> None:
    code = (
        "import time; from pathlib import Path; from scaffold.doctor import needs;"
        "needs._CHECKS['slow'] = lambda *_: time.sleep(9);"
        "need = {'kind': 'slow', 'name': 'weather', 'remedy': 'wait'};"
        "needs.examine([need], needs.Place(Path(), {}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=5)


def test_the_newest_of_several_versions_is_found(tmp_path: Path) -> None:
    for version in ("9", "15", "11"):
        program = tmp_path / version / "bin/initdb"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    assert programs.located("*/bin/initdb", tmp_path) == str(tmp_path / "15/bin/initdb")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PORT=1", "1"),
        ("export PORT = 2  # two", "2"),
        ('PORT="3"', "3"),
        ("PORT='4' # four", "4"),
        ("PORT=", "8000"),
        ("# PORT=5", "8000"),
    ],
)
def test_a_dotenv_file_is_read_as_the_service_does(
    line: str, value: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORT")
    (workplace / ".env").write_text(f"{line}\n")
    assert settings({"PORT": "8000"}, workplace) == {"PORT": value}


def test_the_environment_beats_files(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workplace / ".env").write_text("PORT=1\n")
    (workplace / "port").write_text("2\n")
    monkeypatch.setenv("PORT_FILE", str(workplace / "port"))
    monkeypatch.setenv("PORT", "")
    assert settings({"PORT": "8000"}, workplace) == {"PORT": "2"}
    monkeypatch.setenv("PORT", "3")
    assert settings({"PORT": "8000"}, workplace) == {"PORT": "3"}


@pytest.mark.parametrize("answers", combinations(), ids=label)
def test_every_need_of_the_template_can_be_looked_at(answers: dict[str, Any]) -> None:
    facts = answered(answers).context
    needed = _needs(facts)
    names = [need["name"] for need in needed]
    assert {facts["stack"]["language"], "make"} <= set(names)
    assert len(names) == len(set(names))
    for need in needed:
        assert need["kind"] in needs._CHECKS
        assert need["remedy"]
        assert need.get("setting", "PORT") in _defaults(facts)
        assert need.get("unless", need["name"]) in names
