"""The configuration, read from environment variables."""

import re
from pathlib import Path

import pytest

from app.config import Settings, settings, settings_or_exit
from tests import caches, databases, production

EXAMPLE = Path(".env.example")
SECRETS = databases.SECRETS | caches.SECRETS | production.SECRETS


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a process prints when the configuration is not valid."""
    settings.cache_clear()
    with pytest.raises(SystemExit, match="78"):
        settings_or_exit()
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_the_example_file_lists_every_setting_once_with_its_default() -> None:
    names = re.findall(r"^(?:# )?([A-Z_]+)=\S*(?: +# .*)?$", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)
    assert Settings(_env_file=EXAMPLE, shutdown_delay_seconds=None) == Settings(_env_file=None)


def test_each_invalid_variable_is_named_and_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    invalid = {
        "PORT": "65536",
        "TRUSTED_PROXIES": "everybody",
        "RATE_LIMIT_DEFAULT": "0/minute",
        "LOG_LEVEL": "loud",
        "DATABASE_URL": "mysql://app:hunter2@localhost/app",
    }
    for name, value in invalid.items():
        monkeypatch.setenv(name, value)

    line = refusal(capsys)

    assert line.startswith("error: ")
    for name in invalid:
        assert f"{name}: " in line
    assert "hunter2" not in line


def test_production_needs_its_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    for name, value in SECRETS.items():
        assert f"{name.upper()}: must be set in production" in refusal(capsys)
        monkeypatch.setenv(name.upper(), value)
    assert not Settings().serves_docs
    assert Settings().logs_as_json


def test_app_env_must_be_set_to_listen_on_an_address_that_others_can_reach(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every_address = "0.0.0.0"  # noqa: S104  # that is the point
    monkeypatch.setenv("HOST", every_address)
    assert refusal(capsys).startswith(f"error: APP_ENV must be set to listen on {every_address}")

    monkeypatch.setenv("APP_ENV", "development")
    assert Settings().host == every_address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_loopback_address_does_not_need_app_env(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOST", host)

    assert Settings().host == host


def test_the_shutdown_delay_must_be_within_the_grace_period(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHUTDOWN_GRACE_SECONDS", "5")
    monkeypatch.setenv("SHUTDOWN_DELAY_SECONDS", "5")

    assert "SHUTDOWN_DELAY_SECONDS: must be less than SHUTDOWN_GRACE_SECONDS" in refusal(capsys)


def test_a_value_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "origins"
    monkeypatch.setenv("CORS_ORIGINS_FILE", str(path))
    assert refusal(capsys) == f"error: CORS_ORIGINS_FILE: {path} cannot be read"
    path.write_text("https://a.test, https://b.test\n")
    assert Settings().cors_origins == ["https://a.test", "https://b.test"]
