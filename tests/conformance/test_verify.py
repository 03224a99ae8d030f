"""`verify` as a command: what it prints, where, and how it leaves."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from scaffold.conformance.cli import Progress, verify
from scaffold.conformance.core import Check, Result
from scaffold.terminal.errors import Problem

from .conftest import Server
from .reference import Reference


def test_a_good_service_gives_0_and_a_table_on_stdout(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(server.url, only=["REL-1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("passed   REL-1  GET /livez answers 200 without authentication\n")
    assert out.splitlines()[-1].endswith(": 2 passed")


def test_progress_is_told_on_stderr(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    verify(server.url, only=["REL-1"])
    assert capsys.readouterr().err.splitlines()[0] == (
        "[1/2] REL-1 GET /livez answers 200 without authentication: passed"
    )


def test_a_broken_rule_gives_1_and_says_what_was_expected_and_asked(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.app = Reference(broken="livez says nothing")
    assert verify(server.url, only=["REL-1"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("passed"), "what did not pass comes last"
    assert "expected 200, got 204; GET /livez" in out


def test_json_is_one_document_on_stdout(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.app = Reference(broken="livez says nothing")
    assert verify(server.url, only=["rel-1"], json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["passed"], document["failed"], document["skipped"]) == (1, 1, 0)
    assert document["checks"][0]["id"] == "REL-1"
    assert document["checks"][0]["outcome"] == "failed"


def test_junit_has_a_case_for_each_check(server: Server, tmp_path: Path) -> None:
    server.app = Reference(auth="none", broken="livez says nothing")
    report = tmp_path / "report.xml"
    verify(server.url, only=["REL-1", "SEC-12"], junit=report)
    suite = ET.parse(report).getroot()  # noqa: S314  # our own file
    counts = [suite.get(name) for name in ("tests", "failures", "skipped")]
    assert counts == ["4", "1", "2"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "GET /livez" in failure.get("message", "")


def test_what_needs_an_admin_is_skipped_without_one(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(server.url, only=["SEC-6"]) == 0
    assert "needs an admin: --admin-email and VERIFY_ADMIN_PASSWORD" in capsys.readouterr().out


def test_a_given_account_is_used_where_registration_is_closed(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.app = closed = Reference(registration=False)
    closed.add_user("member@example.com", "its password", ["member"])
    assert (
        verify(server.url, only=["API-9"], email="member@example.com", password="its password") == 0
    )
    assert "needs a second account" in capsys.readouterr().out
    assert "member@example.com" in closed.users


def test_the_accounts_of_a_run_are_erased_after_it(server: Server) -> None:
    assert verify(server.url, only=["API-9", "SEC-6"]) == 0
    assert list(server.app.users) == ["admin@example.com"]


def test_a_run_waits_as_long_as_a_budget_asks(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.app = Reference(general_limit=3, window=1)
    assert verify(server.url, only=["DB-1"]) == 0
    assert "waiting 1 s, as the service asks (429 rate_limited)" in capsys.readouterr().err


def test_a_service_that_hides_its_document_is_checked_all_the_same(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.app = Reference(documented=False)
    assert verify(server.url, only=["API-6", "SEC-6"]) == 0
    assert "does not serve its document" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000", "'localhost:8000' is not the address of a service"),
        ("ftp://localhost", "'ftp://localhost' is not the address of a service"),
        ("http://", "'http://' is not the address of a service"),
        ("http://localhost:99999", "'http://localhost:99999' is not the address of a service"),
        ("", "'' is not the address of a service"),
        ("http://localhost/?a=1", "'http://localhost/?a=1' has more than an address"),
    ],
)
def test_a_bad_address_is_a_problem(url: str, message: str) -> None:
    assert str(_problem(url)) == message


def test_nothing_listening_is_a_problem() -> None:
    url = f"http://127.0.0.1:{_free_port()}"
    problem = _problem(url)
    assert problem.message.startswith(f"no answer from {url}: ")
    assert problem.hint
    assert problem.exit_code == 2


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_a_port_that_hangs_is_a_problem_within_the_timeout(sent: bytes) -> None:
    with _listener(sent) as url:
        started = time.monotonic()
        assert _problem(url, timeout=0.4).message == f"no answer from {url}: none within 0.4 s"
        assert time.monotonic() - started < 3


def test_another_protocol_is_a_problem() -> None:
    with _listener(b"220 mail.example ESMTP\r\n") as url:
        assert _problem(url, timeout=2).message.startswith(f"no answer from {url}: ")


def test_another_site_is_a_problem(server: Server) -> None:
    async def site(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<h1>Welcome</h1>"})

    server.app = site
    assert _problem(server.url).message == (
        f"{server.url} does not answer like a service that scaffold made (GET /api/v1/orders: 200)"
    )


def test_an_unknown_check_is_a_problem_that_names_the_known(server: Server) -> None:
    problem = _problem(server.url, only=["API-99"])
    assert problem.message == "there is no check 'API-99'"
    assert problem.hint.startswith("the ids are API-1, API-2, API-3")


def test_closed_registration_without_an_account_is_a_problem(server: Server) -> None:
    server.app = Reference(registration=False)
    assert _problem(server.url).message == "the service takes no registrations"


def test_an_account_that_is_none_is_a_problem(server: Server) -> None:
    problem = _problem(server.url, email="nobody@example.com", password="x")
    assert problem.message == "nobody@example.com cannot log in: 401 invalid_credentials"


def test_callers_that_this_version_cannot_be_are_a_problem(server: Server) -> None:
    server.app = Reference(scheme={"type": "apiKey", "in": "cookie", "name": "session"})
    assert "identifies its callers by apiKey" in _problem(server.url).message


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0.0},
        {"rows": 0},
        {"email": "a@example.com"},
        {"admin_password": "x"},
        {"junit": Path("/no/such/folder/report.xml")},
        {"signing_key": Path("/no/such/key.pem")},
        {"signing_key": Path(__file__)},
    ],
)
def test_options_that_make_no_sense_are_a_problem(options: dict[str, Any]) -> None:
    assert _problem("http://127.0.0.1:1", **options).hint


def test_a_terminal_has_one_line_of_progress() -> None:
    terminal = _Terminal()
    progress = Progress(terminal, 1)
    check = Check("API-1", "a rule", "rule", run=_never)
    progress.started(check)
    progress.notify("waiting")
    progress.ended(Result(check, "passed", "", 0.0))
    progress.close()
    assert terminal.getvalue() == "\r\x1b[K[1/1] API-1 a rule\r\x1b[Kwaiting\r\x1b[K"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def _never(_: Any) -> None:
    raise AssertionError


def _problem(url: str, **options: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        verify(url, **options)
    assert "\n" not in caught.value.message
    assert not caught.value.message.endswith(".")
    return caught.value


@contextmanager
def _listener(sent: bytes) -> Iterator[str]:
    """A port that says `sent` to whoever connects, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connection.sendall(sent)
                kept.append(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
