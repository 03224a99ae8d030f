"""Types that the request and response schemas of several features use."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict


class RequestBody(BaseModel):
    """The JSON body of a request. Unknown fields are refused, and values of another JSON type are not converted.

    Pydantic sees Python objects here, not JSON: fields whose type JSON lacks (enums, UUIDs, decimals) need
    `Field(strict=False)`, else their text is refused.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class ResponseBody(BaseModel):
    """The JSON body of a response, made from a row or from an object with the same attributes."""

    model_config = ConfigDict(from_attributes=True)


# By default, Pydantic also accepts seconds since 1970 and a date without a time.
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}")


def _rfc3339(text: object) -> object:
    if isinstance(text, str) and not _RFC3339.match(text):
        raise ValueError("must be a time as in RFC 3339")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_utc)]
"""A time with an offset (RFC 3339), converted to UTC."""
