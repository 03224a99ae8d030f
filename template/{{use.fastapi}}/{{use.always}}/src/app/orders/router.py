"""Orders over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.orders import service
from app.orders.access import DeleteOrders, ListOrders, ReadOrders, WriteOrders
from app.orders.schemas import OrderCreate, OrderPage, OrderPatch, OrderQuery, OrderRead
from app.web.conditional import NOT_MODIFIED, Conditional, IfMatch, OptionalIfMatch, etag
from app.web.idempotency import Idempotent
from app.web.openapi import raises
from app.web.pagination import paginated

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])


@router.post(
    "",
    operation_id="place_order",
    status_code=201,
    response_model=OrderRead,
    openapi_extra=raises("conflict", "idempotency_in_progress", "idempotency_key_reused"),
)
async def place_order(request: Request, orders: WriteOrders, body: OrderCreate, create: Idempotent) -> Response:
    """Place an order. With an idempotency key, repeating the request is safe."""
    if replayed := await create.replay(orders.session):
        return replayed
    order = await service.place(orders, body)
    return await create.created(orders.session, OrderRead, order, f"{request.url.path}/{order.id}")


@router.get("", operation_id="list_orders", openapi_extra=raises("invalid_cursor"))
async def list_orders(
    request: Request, response: Response, orders: ListOrders, query: Annotated[OrderQuery, Query()]
) -> OrderPage:
    """List orders, newest first."""
    return paginated(OrderPage, request, response, query, await orders.page(query))


@router.get("/{order_id}", operation_id="get_order", responses=NOT_MODIFIED)
async def get_order(order_id: UUID, orders: ReadOrders, conditional: Conditional) -> OrderRead:
    """Get one order."""
    order = await orders.get(order_id)
    conditional.check(order.version)
    return OrderRead.model_validate(order)


@router.patch(
    "/{order_id}",
    operation_id="amend_order",
    openapi_extra=raises("conflict", "invalid_state", "precondition_failed", "precondition_required"),
)
async def amend_order(
    order_id: UUID, orders: WriteOrders, body: OrderPatch, versions: IfMatch, response: Response
) -> OrderRead:
    """Change the note or the reference of an order."""
    order = await service.amend(orders, order_id, body.changes, versions)
    response.headers["ETag"] = etag(order.version)
    return OrderRead.model_validate(order)


@router.post(
    "/{order_id}/cancellation",
    operation_id="cancel_order",
    openapi_extra=raises("invalid_state", "precondition_failed"),
)
async def cancel_order(order_id: UUID, orders: WriteOrders, versions: OptionalIfMatch, response: Response) -> OrderRead:
    """Cancel an order."""
    order = await service.cancel(orders, order_id, versions)
    response.headers["ETag"] = etag(order.version)
    return OrderRead.model_validate(order)


@router.delete("/{order_id}", operation_id="delete_order", status_code=204, openapi_extra=raises("precondition_failed"))
async def delete_order(order_id: UUID, orders: DeleteOrders, versions: OptionalIfMatch) -> None:
    """Delete an order."""
    await service.delete(orders, order_id, versions)
