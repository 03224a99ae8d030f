"""Events: stored with the change they tell of, handled by the worker."""

from app.messaging.commands import commands

__all__ = ["commands"]
