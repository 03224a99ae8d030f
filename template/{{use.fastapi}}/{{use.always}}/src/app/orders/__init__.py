"""Orders: the example. Copy its structure for your first feature, then remove it."""

from app.orders.router import router
from app.orders.service import erase, export

__all__ = ["erase", "export", "router"]
