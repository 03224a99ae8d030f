"""Request and response bodies of webhooks."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.pagination import Page
from app.schemas import RequestBody, ResponseBody
from app.webhooks.status import DeliveryStatus

Url = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^https?://[!-~]+$")]
EventType = Annotated[str, StringConstraints(max_length=100, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*)$")]
EventTypes = Annotated[
    list[EventType],
    Field(min_length=1, max_length=50, description="The types of the events to deliver; `*` for all."),
    AfterValidator(lambda types: sorted(set(types))),
]

_NEW_ENDPOINT = {"url": "https://example.com/webhooks", "event_types": ["order.placed"]}


class EndpointCreate(RequestBody, json_schema_extra={"example": _NEW_ENDPOINT}):
    url: Url
    event_types: EventTypes


class EndpointPatch(RequestBody, json_schema_extra={"example": {"disabled": False}}):
    """A merge patch (RFC 7396): fields that are absent do not change."""

    # Null is refused. The defaults are never used, because `changes` has only the fields sent.
    url: Url = Field(default_factory=str)
    event_types: EventTypes = Field(default_factory=list)
    disabled: bool = Field(default_factory=bool, description="A disabled endpoint gets no deliveries.")

    @property
    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class EndpointRead(ResponseBody):
    id: UUID
    url: str
    event_types: list[str]
    disabled: bool
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime


class EndpointCreated(EndpointRead):
    secret: str | None = Field(default=None, description="Only in the first response. Verify deliveries with it.")


class EndpointSecret(ResponseBody):
    secret: str
    previous_secret_until: datetime = Field(description="Until then, deliveries are signed with the old secret, too.")


class DeliveryRead(ResponseBody):
    id: UUID = Field(description="The `webhook-id` of all attempts.")
    type: str
    status: DeliveryStatus
    attempts: int
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


EndpointPage = Page[EndpointRead]
DeliveryPage = Page[DeliveryRead]
