"""Orders: the example. Copy its shape for the first slice of your own, then remove it."""

from app.orders.router import router

__all__ = ["router"]
