"""The environment."""

import re
from pathlib import Path

import pytest

from app import worker
from app.config import Settings, settings, settings_or_exit
from tests import callers, databases

EXAMPLE = Path(".env.example")


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """What is said when the configuration is faulty."""
    settings.cache_clear()
    with pytest.raises(SystemExit) as stopped:
        settings_or_exit()
    assert stopped.value.code == 78
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_example_file_lists_every_setting_once() -> None:
    names = re.findall(r"^(?:# )?([A-Z_]+)=\S*(?: +# .*)?$", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_file_holds_the_defaults() -> None:
    example = Settings(_env_file=EXAMPLE, shutdown_delay_seconds=None)
    assert example == Settings(_env_file=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "staging"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("METRICS_PORT", "0"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("DOCS_ENABLED", "perhaps"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,everybody"),
        ("RATE_LIMIT_DEFAULT", "0/minute"),
        ("RATE_LIMIT_DEFAULT", "600/fortnight"),
        ("MAX_BODY_BYTES", "1MB"),
        ("MAX_CONCURRENCY", "0"),
        ("SHUTDOWN_GRACE_SECONDS", "soon"),
        ("EMBEDDED_WORKER", "maybe"),
        ("DATABASE_URL", "mysql://app:hunter2@localhost/app"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "-1"),
    ],
)
def test_a_faulty_value_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = refusal(capsys)
    assert said.startswith(f"error: {name}: ")
    assert "hunter2" not in said


def test_every_faulty_value_is_named_in_the_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("MAX_CONCURRENCY", "x")
    said = refusal(capsys)
    assert "PORT: " in said
    assert "MAX_CONCURRENCY: " in said


def test_a_worker_refuses_as_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PORT", "x")
    settings.cache_clear()
    with pytest.raises(SystemExit) as stopped:
        worker.main()
    assert stopped.value.code == 78


def test_production_needs_its_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    for name, value in (databases.SECRETS | callers.SECRETS).items():
        assert f"{name.upper()}: must be set in production" in refusal(capsys)
        monkeypatch.setenv(name.upper(), value)
    settings.cache_clear()
    assert settings().is_production


def test_a_value_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "port"
    secret.write_text("1234\n")
    monkeypatch.setenv("PORT_FILE", str(secret))
    assert Settings().port == 1234
    monkeypatch.setenv("PORT", "5678")
    assert Settings().port == 5678


def test_a_missing_file_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT_FILE", "/nowhere/port")
    said = refusal(capsys)
    assert said == "error: PORT_FILE: /nowhere/port cannot be read\n"


@pytest.mark.parametrize(
    ("environment", "docs", "logs", "drain", "embedded"),
    [("development", True, False, 0, True), ("test", True, True, 1, False), ("production", False, True, 1, False)],
)
def test_what_is_unset_fits_the_environment(
    environment: str, docs: bool, logs: bool, drain: float, embedded: bool
) -> None:
    chosen = Settings.model_validate({"app_env": environment, **databases.SECRETS, **callers.SECRETS})
    assert chosen.serves_docs is docs
    assert chosen.logs_as_json is logs
    assert chosen.drain_seconds == drain
    assert chosen.embeds_worker is embedded


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test,")
    assert Settings().cors_origins == ["https://a.test", "https://b.test"]
