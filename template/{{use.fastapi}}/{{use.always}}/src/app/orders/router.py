"""Orders over HTTP: input, call, output."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.orders import service
from app.orders.access import DeleteOrders, ReadOrders, WriteOrders
from app.orders.schemas import OrderCreate, OrderPage, OrderPatch, OrderQuery, OrderRead
from app.web.conditional import NOT_MODIFIED, IfMatch, IfNoneMatch, resource
from app.web.idempotency import IdempotencyKey, once
from app.web.openapi import raises
from app.web.pagination import page_response

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])


@router.post(
    "",
    operation_id="place_order",
    status_code=201,
    response_model=OrderRead,
    openapi_extra=raises("conflict", "idempotency_in_progress", "idempotency_key_reused"),
)
async def place_order(request: Request, body: OrderCreate, orders: WriteOrders, key: IdempotencyKey = None) -> Response:
    """Place an order. With an idempotency key, repeating the request is safe."""

    async def place() -> Response:
        order = await service.place(orders, body)
        return resource(OrderRead, order, status=201, location=f"{request.url.path}/{order.id}")

    return await once(orders.session, request, key, place)


@router.get("", operation_id="list_orders", response_model=OrderPage, openapi_extra=raises("invalid_cursor"))
async def list_orders(request: Request, query: Annotated[OrderQuery, Query()], orders: ReadOrders) -> Response:
    """List orders, newest first."""
    return page_response(request, OrderPage, query, await orders.page(query))


@router.get("/{order_id}", operation_id="get_order", response_model=OrderRead, responses=NOT_MODIFIED)
async def get_order(order_id: UUID, orders: ReadOrders, if_none_match: IfNoneMatch = None) -> Response:
    """Get one order."""
    return resource(OrderRead, await orders.get(order_id), if_none_match=if_none_match)


@router.patch(
    "/{order_id}",
    operation_id="amend_order",
    response_model=OrderRead,
    openapi_extra=raises("conflict", "invalid_state", "precondition_failed", "precondition_required"),
)
async def amend_order(order_id: UUID, body: OrderPatch, orders: WriteOrders, if_match: IfMatch = None) -> Response:
    """Change the note or the reference of an order."""
    return resource(OrderRead, await service.amend(orders, order_id, body, if_match))


@router.post(
    "/{order_id}/cancellation",
    operation_id="cancel_order",
    response_model=OrderRead,
    openapi_extra=raises("invalid_state", "precondition_failed"),
)
async def cancel_order(order_id: UUID, orders: WriteOrders, if_match: IfMatch = None) -> Response:
    """Cancel an order."""
    return resource(OrderRead, await service.cancel(orders, order_id, if_match))


@router.delete("/{order_id}", operation_id="delete_order", status_code=204, openapi_extra=raises("precondition_failed"))
async def delete_order(order_id: UUID, orders: DeleteOrders, if_match: IfMatch = None) -> None:
    """Delete an order."""
    await service.delete(orders, order_id, if_match)
