"""Events: stored with the change they tell of, handled by the worker."""

from app.messaging import dead_letters

commands = (dead_letters.command,)
