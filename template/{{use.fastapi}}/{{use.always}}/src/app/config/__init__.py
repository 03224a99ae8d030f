"""The configuration: environment variables, read once into one typed object.

Every variable `NAME` may also come from a file that `NAME_FILE` names, as container secrets do.
`.env.example` lists them all.
"""

import sys
from functools import cache
from typing import NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.config.auth import AuthSettings
from app.config.database import DatabaseSettings
from app.config.queue import QueueSettings
from app.config.service import ServiceSettings

EXIT_CONFIG = 78
"""`EX_CONFIG` of sysexits.h."""


class Settings(AuthSettings, QueueSettings, DatabaseSettings, ServiceSettings):
    """Everything that can be configured."""


@cache
def settings() -> Settings:
    """The configuration of this process.

    Raises:
        ValidationError: a variable is missing, of the wrong type or not fit for production.
    """
    return Settings()


def settings_or_exit() -> Settings:
    """The configuration, or the end of the process with one line that names each faulty variable."""
    try:
        return settings()
    except ValidationError as error:
        faults = (f"{_variable(fault['loc'])}: {_reason(fault['msg'])}" for fault in error.errors())
        _exit("; ".join(faults))
    except (SettingsError, OSError) as error:
        _exit(str(error.__cause__ or error))


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "configuration"


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


def _exit(reason: str) -> NoReturn:
    sys.stderr.write(f"error: {reason}\n")
    sys.exit(EXIT_CONFIG)
