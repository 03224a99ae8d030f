"""What is logged."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from httpx2 import AsyncClient
from structlog.testing import capture_logs

from app import logs
from app.config import Settings


@pytest.fixture
def json_logs() -> Iterator[None]:
    logs.configure(Settings(log_format="json", log_level="info"))
    yield
    structlog.reset_defaults()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


@pytest.mark.usefixtures("json_logs")
def test_a_line_is_one_json_object(capfd: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("hello", text="a\nb", number=1)
    [line] = lines(capfd)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"event": "hello", "level": "info", "request_id": "r1", "text": "a\nb", "number": 1}


@pytest.mark.usefixtures("json_logs")
def test_lines_below_the_level_are_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().debug("quiet")
    assert lines(capfd) == []


@pytest.mark.usefixtures("json_logs")
@pytest.mark.parametrize("name", ["password", "access_token", "Authorization", "AUTH_PRIVATE_KEY", "set-cookie"])
def test_secrets_are_redacted(capfd: pytest.CaptureFixture[str], name: str) -> None:
    structlog.get_logger().info("hello", **{name: "hunter2"})
    assert lines(capfd)[0][name] == logs.REDACTED


@pytest.mark.usefixtures("json_logs")
def test_what_libraries_say_is_logged_alike(capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise LookupError("gone")
    except LookupError:
        logging.getLogger("library").exception("failed %s", "badly")
    [line] = lines(capfd)
    assert (line["event"], line["level"], line["logger"]) == ("failed badly", "error", "library")
    assert "LookupError: gone" in str(line["exception"])


def test_a_terminal_gets_readable_lines(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="console"))
    structlog.get_logger().info("hello", cookie="hunter2")
    said = capfd.readouterr().out
    assert "hello" in said
    assert "hunter2" not in said


async def test_a_request_is_one_line_with_its_id(anybody: AsyncClient) -> None:
    headers = {"X-Request-ID": "r1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        await anybody.get("/problems/none?password=hunter2", headers=headers)
    [line] = logged
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "r1",
        "trace_id": "a" * 32,
        "method": "GET",
        "path": "/problems/none",
        "route": "/problems/{code}",
        "status": 404,
        "client": "127.0.0.1",
    }


async def test_probes_are_not_logged(anybody: AsyncClient) -> None:
    with capture_logs() as logged:
        for path in ("/livez", "/readyz", "/metrics"):
            await anybody.get(path)
    assert logged == []
