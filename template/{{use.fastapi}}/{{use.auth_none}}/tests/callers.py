"""Those who call the service: nobody proves anything, so all are alike."""

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

SECRETS: dict[str, str] = {}
"""What production asks for."""


def anybody(service: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(service), base_url="http://service.test")


async def member(service: FastAPI) -> AsyncClient:
    return anybody(service)


async def admin(service: FastAPI) -> AsyncClient:
    return anybody(service)
