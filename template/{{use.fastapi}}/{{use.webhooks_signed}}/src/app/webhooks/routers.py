"""The routes of webhooks."""

from app.webhooks import inbound_router, router

routers = (router.router, inbound_router.router)
