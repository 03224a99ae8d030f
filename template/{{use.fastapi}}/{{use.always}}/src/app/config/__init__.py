"""The configuration: environment variables, read once into one typed object.

Every variable `NAME` may also come from a file that `NAME_FILE` names, as container secrets do.
`.env.example` lists them all.
"""

import sys
from functools import cache

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.config.auth import AuthSettings
from app.config.database import DatabaseSettings
from app.config.queue import QueueSettings

EXIT_CONFIG = 78
"""`EX_CONFIG` of sysexits.h."""


class Settings(AuthSettings, QueueSettings, DatabaseSettings):
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
        faults = (f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        reason = "; ".join(faults).replace("Value error, ", "")
    except (SettingsError, OSError) as error:
        reason = str(error.__cause__ or error)
    sys.stderr.write(f"error: {reason}\n")
    sys.exit(EXIT_CONFIG)
