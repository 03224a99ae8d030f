"""The `Idempotency-Key` header."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from app import context
from app.database import Session
from app.idempotency import IdempotentRequest, find_response, store_response
from app.idempotency.models import StoredResponse
from app.web.conditional import etag

_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]([ -~]*[!-~])?$",
        description="Any text that identifies this create. Repeating it repeats the first response for 24 hours.",
    ),
]


class IdempotentCreate:
    """A create request. It has one effect, even if the client repeats it with the same key."""

    def __init__(self, request: IdempotentRequest | None) -> None:
        self._request = request

    async def replay(self, session: Session) -> Response | None:
        """The stored first response if the request is a repetition, else None.

        Raises: idempotency_in_progress, idempotency_key_reused
        """
        stored = await find_response(session, self._request) if self._request else None
        return _replayed(stored) if stored else None

    async def created(self, session: Session, schema: type[BaseModel], row: Any, location: str) -> Response:
        """Build the 201 response. With a key, also store it in the transaction of the create."""
        headers = {"Location": location, "ETag": etag(row.version)}
        model = schema.model_validate(row)
        body = model.__pydantic_serializer__.to_json(model)
        if self._request:
            await store_response(session, self._request, status=201, body=body, location=location, etag=headers["ETag"])
        return Response(body, 201, headers, media_type="application/json")


async def _idempotent_create(request: Request, key: _Key = None) -> IdempotentCreate:
    if key is None:
        return IdempotentCreate(None)
    route = f"{request.method} {request.url.path}"
    return IdempotentCreate(IdempotentRequest(context.current().caller, route, key, await request.body()))


Idempotent = Annotated[IdempotentCreate, Depends(_idempotent_create)]


def _replayed(stored: StoredResponse) -> Response:
    headers = {"Idempotent-Replayed": "true", "Location": stored.location, "ETag": stored.etag}
    present = {name: value for name, value in headers.items() if value}
    return Response(stored.body, stored.status, present, media_type="application/json")
