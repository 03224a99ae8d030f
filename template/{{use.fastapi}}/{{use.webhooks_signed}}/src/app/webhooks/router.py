"""Endpoints of webhooks over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from app.config import Settings
from app.http_client import RefusedUrlError, check_url
from app.pagination import PageQuery
from app.web.conditional import NOT_MODIFIED, Conditional, IfMatch, OptionalIfMatch, etag
from app.web.idempotency import Idempotent
from app.web.openapi import raises
from app.web.pagination import paginated
from app.webhooks import secrets, service
from app.webhooks.access import CurrentSettings, ReadEndpoints, WriteEndpoints
from app.webhooks.repository import page_of_deliveries
from app.webhooks.schemas import (
    DeliveryPage,
    DeliveryRead,
    EndpointCreate,
    EndpointCreated,
    EndpointPage,
    EndpointPatch,
    EndpointRead,
    EndpointSecret,
)

router = APIRouter(prefix="/api/v1/webhook-endpoints", tags=["webhooks"])


@router.post(
    "",
    operation_id="create_webhook_endpoint",
    status_code=201,
    response_model=EndpointCreated,
    openapi_extra=raises("conflict", "idempotency_in_progress", "idempotency_key_reused"),
)
async def create_endpoint(
    request: Request, endpoints: WriteEndpoints, settings: CurrentSettings, body: EndpointCreate, create: Idempotent
) -> Response:
    """Create an endpoint. Its secret is in the first response only, also when the request is repeated with its key."""
    if replayed := await create.replay(endpoints.session):
        return replayed
    _refuse_url_unless_allowed(settings, body.url)
    endpoint = await service.create(endpoints, body, settings.webhook_signing_keys)
    # What is stored for a repetition has no secret.
    stored = await create.created(endpoints.session, EndpointRead, endpoint, f"{request.url.path}/{endpoint.id}")
    created = EndpointCreated.model_validate(endpoint)
    created.secret = secrets.secret_of(settings.webhook_signing_keys, endpoint.secret)
    headers = {name: stored.headers[name] for name in ("Location", "ETag")}
    return Response(created.model_dump_json(), 201, headers, media_type="application/json")


@router.get("", operation_id="list_webhook_endpoints", openapi_extra=raises("invalid_cursor"))
async def list_endpoints(
    request: Request, response: Response, endpoints: ReadEndpoints, query: Annotated[PageQuery, Query()]
) -> EndpointPage:
    """List endpoints, newest first."""
    return paginated(EndpointPage, request, response, query, await endpoints.page(query))


@router.get("/{endpoint_id}", operation_id="get_webhook_endpoint", responses=NOT_MODIFIED)
async def get_endpoint(endpoint_id: UUID, endpoints: ReadEndpoints, conditional: Conditional) -> EndpointRead:
    """Get one endpoint."""
    endpoint = await endpoints.get(endpoint_id)
    conditional.check(endpoint.version)
    return EndpointRead.model_validate(endpoint)


@router.patch(
    "/{endpoint_id}",
    operation_id="change_webhook_endpoint",
    openapi_extra=raises("precondition_failed", "precondition_required"),
)
async def change_endpoint(
    endpoint_id: UUID,
    endpoints: WriteEndpoints,
    settings: CurrentSettings,
    body: EndpointPatch,
    versions: IfMatch,
    response: Response,
) -> EndpointRead:
    """Change an endpoint, disable it, or enable it again."""
    if "url" in body.changes:
        _refuse_url_unless_allowed(settings, body.url)
    endpoint = await service.change(endpoints, endpoint_id, body.changes, versions)
    response.headers["ETag"] = etag(endpoint.version)
    return EndpointRead.model_validate(endpoint)


@router.delete(
    "/{endpoint_id}",
    operation_id="delete_webhook_endpoint",
    status_code=204,
    openapi_extra=raises("precondition_failed"),
)
async def delete_endpoint(endpoint_id: UUID, endpoints: WriteEndpoints, versions: OptionalIfMatch) -> None:
    """Delete an endpoint, and the deliveries to it."""
    await service.delete(endpoints, endpoint_id, versions)


@router.post("/{endpoint_id}/secrets", operation_id="rotate_webhook_secret", status_code=201)
async def rotate_secret(endpoint_id: UUID, endpoints: WriteEndpoints, settings: CurrentSettings) -> EndpointSecret:
    """Replace the secret of an endpoint. Deliveries are signed with the old one, too, for 24 hours."""
    endpoint = await service.rotate_secret(endpoints, endpoint_id, settings.webhook_signing_keys)
    secret = secrets.secret_of(settings.webhook_signing_keys, endpoint.secret)
    return EndpointSecret.model_validate({"secret": secret, "previous_secret_until": endpoint.previous_secret_until})


@router.post(
    "/{endpoint_id}/pings", operation_id="ping_webhook_endpoint", status_code=202, openapi_extra=raises("invalid_state")
)
async def ping_endpoint(endpoint_id: UUID, endpoints: WriteEndpoints) -> DeliveryRead:
    """Deliver an event of the type `webhook.ping` to an endpoint, to try it."""
    return DeliveryRead.model_validate(await service.ping(endpoints, endpoint_id))


@router.get("/{endpoint_id}/deliveries", operation_id="list_webhook_deliveries", openapi_extra=raises("invalid_cursor"))
async def list_deliveries(
    request: Request,
    response: Response,
    endpoint_id: UUID,
    endpoints: ReadEndpoints,
    query: Annotated[PageQuery, Query()],
) -> DeliveryPage:
    """List the deliveries of the last 30 days to an endpoint, newest first."""
    endpoint = await endpoints.get(endpoint_id)
    found = await page_of_deliveries(endpoints.session, endpoint.id, query)
    return paginated(DeliveryPage, request, response, query, found)


def _refuse_url_unless_allowed(settings: Settings, url: str) -> None:
    try:
        check_url(settings, url)
    except RefusedUrlError as error:
        invalid = {"loc": ("body", "url"), "type": "url_not_allowed", "msg": str(error)}
        raise RequestValidationError([invalid]) from error
