"""The environment."""

import re
from pathlib import Path

import pytest

from app import worker
from app.config import Settings, settings, settings_or_exit
from tests import callers, databases

EXAMPLE = Path(".env.example")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings.cache_clear()


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that is said when the configuration is faulty."""
    settings.cache_clear()
    with pytest.raises(SystemExit) as stopped:
        settings_or_exit()
    said = capsys.readouterr().err
    assert (stopped.value.code, said.count("\n")) == (78, 1)
    return said.removeprefix("error: ")


def test_the_example_file_lists_every_setting_once_with_its_default() -> None:
    names = re.findall(r"^(?:# )?([A-Z_]+)=\S*(?: +# .*)?$", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)
    assert Settings(_env_file=EXAMPLE, shutdown_delay_seconds=None) == Settings(_env_file=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "staging"),
        ("PORT", "65536"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,everybody"),
        ("RATE_LIMIT_DEFAULT", "0/minute"),
        ("RATE_LIMIT_DEFAULT", "600/fortnight"),
        ("MAX_BODY_BYTES", "1MB"),
        ("DATABASE_URL", "mysql://app:hunter2@localhost/app"),
    ],
)
def test_a_faulty_value_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("MAX_CONCURRENCY", "0")
    said = refusal(capsys)
    assert f"{name}: " in said
    assert "MAX_CONCURRENCY: " in said
    assert "hunter2" not in said
    with pytest.raises(SystemExit, match="78"):
        worker.main()


def test_production_needs_its_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    for name, value in (databases.SECRETS | callers.SECRETS).items():
        assert f"{name.upper()}: must be set in production" in refusal(capsys)
        monkeypatch.setenv(name.upper(), value)
    settings.cache_clear()
    assert settings().is_production


def test_a_value_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "port"
    monkeypatch.setenv("PORT_FILE", str(path))
    assert refusal(capsys) == f"PORT_FILE: {path} cannot be read\n"
    path.write_text("1234\n")
    assert Settings().port == 1234
    monkeypatch.setenv("PORT", "5678")
    assert Settings().port == 5678


@pytest.mark.parametrize(
    ("environment", "docs", "logs", "drain", "embedded"),
    [("development", True, False, 0, True), ("test", True, True, 1, False), ("production", False, True, 1, False)],
)
def test_what_is_unset_fits_the_environment(
    environment: str, docs: bool, logs: bool, drain: float, embedded: bool
) -> None:
    chosen = Settings.model_validate({"app_env": environment, **databases.SECRETS, **callers.SECRETS})
    assert (chosen.serves_docs, chosen.logs_as_json, chosen.drain_seconds, chosen.embeds_worker) == (
        docs,
        logs,
        drain,
        embedded,
    )


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test,")
    assert Settings().cors_origins == ["https://a.test", "https://b.test"]
