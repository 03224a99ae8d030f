"""The launcher of real components."""

import pytest

from tests import components
from tests.components import MissingComponentError, ensure


def test_postgresql_is_real_and_started_once_a_session() -> None:
    server = ensure("postgresql")
    assert server.provenance == "real"
    assert server.execute("SHOW server_version").startswith(server.version)
    assert ensure("postgresql") is server


def test_postgresql_keeps_its_data_and_port_over_a_restart() -> None:
    server = ensure("postgresql")
    server.create_database("kept")
    server.execute("CREATE TABLE kept AS SELECT 42 AS answer", "kept")
    url = server.url
    server.stop()
    server.start()
    assert server.url == url
    assert server.execute("SELECT answer FROM kept", "kept") == "42"


@pytest.mark.usefixtures("nowhere")
def test_a_missing_component_skips_a_test_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PostgreSQL is not installed"):
        ensure("postgresql")


@pytest.mark.usefixtures("nowhere")
def test_a_missing_component_fails_a_test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL is not installed"):
        ensure("postgresql")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session on a machine without any component."""

    def launch() -> components.PostgreSQL:
        raise MissingComponentError("PostgreSQL is not installed: apt-get install postgresql")

    monkeypatch.setattr(components, "_running", {})
    monkeypatch.setattr(components, "_launchers", {"postgresql": launch})
