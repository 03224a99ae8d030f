"""Webhooks of other services over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, HTTPException, Path, Request, Response, Security
from fastapi.security import APIKeyHeader

from app.auth.dependencies import WriteSession
from app.errors import DomainError
from app.web.openapi import raises
from app.webhooks import inbound
from app.webhooks.access import CurrentSettings

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

CHALLENGE = {"WWW-Authenticate": "Webhook-Signature"}
"""RFC 9110 demands a challenge with 401. No registered scheme fits; this one has the name of the header to send."""

_signature = APIKeyHeader(
    name="webhook-signature",
    scheme_name="signature",
    description=(
        "`v1,` and the base64 of an HMAC-SHA256 over `ID.TIMESTAMP.BODY`, as Standard Webhooks defines it. "
        "Without a valid one, the answer is 401 with `WWW-Authenticate: Webhook-Signature`."
    ),
    auto_error=False,
)
_EXAMPLE = {"type": "invoice.paid", "data": {"invoice": "2026-0042"}}


@router.post(
    "/{source}",
    operation_id="receive_webhook",
    status_code=202,
    response_class=Response,
    openapi_extra=raises("unauthenticated"),
)
async def receive_webhook(
    request: Request,
    settings: CurrentSettings,
    session: WriteSession,
    source: Annotated[str, Path(max_length=64)],
    payload: Annotated[dict[str, Any], Body(examples=[_EXAMPLE])],
    webhook_id: Annotated[str, Header(alias="webhook-id", max_length=255)] = "",
    webhook_timestamp: Annotated[str, Header(alias="webhook-timestamp")] = "",
    webhook_signature: Annotated[str | None, Security(_signature)] = None,
) -> Response:
    """Receive a webhook, signed as Standard Webhooks defines it. A repeated `webhook-id` has no effect."""
    signed = inbound.SignatureHeaders(webhook_id, webhook_timestamp, webhook_signature or "")
    try:
        inbound.verify(settings, source, signed, await request.body())
    except DomainError as refusal:
        raise HTTPException(401, refusal.detail, CHALLENGE) from refusal
    await inbound.store(session, source, webhook_id, payload)
    return Response(status_code=202)
