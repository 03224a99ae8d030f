"""The configuration: environment variables, read once into one typed object.

Every variable `NAME` may also come from the file that `NAME_FILE` names. This serves container secrets.
`.env.example` lists all variables.
"""

import sys
from functools import lru_cache
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from app.config.auth import AuthSettings
from app.config.cache import CacheSettings
from app.config.database import DatabaseSettings
from app.config.queue import QueueSettings
from app.config.webhooks import WebhookSettings

EXIT_CONFIG = 78
"""`EX_CONFIG` of sysexits.h."""


class Settings(AuthSettings, QueueSettings, WebhookSettings, CacheSettings, DatabaseSettings):
    """Everything that can be configured."""


@lru_cache
def settings() -> Settings:
    """The configuration of this process.

    Raises:
        ValidationError: a variable is missing, has the wrong type or is not allowed in production.
    """
    return Settings()


def settings_or_exit() -> Settings:
    """The configuration. If it is not valid, end the process with one line that names each invalid variable."""
    try:
        return settings()
    except ValidationError as error:
        exit_misconfigured("; ".join(map(_reason, error.errors())))
    except (SettingsError, OSError) as error:
        exit_misconfigured(str(error.__cause__ or error))


def exit_misconfigured(reason: str) -> NoReturn:
    """End the process with one line and exit code 78. `reason` names the variable."""
    sys.stderr.write(f"error: {reason}\n")
    sys.exit(EXIT_CONFIG)


def _reason(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    return f"{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message
