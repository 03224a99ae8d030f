"""Clients of the service. All of them are anonymous."""

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

SECRETS: dict[str, str] = {}
"""The settings that production requires."""


def anybody(service: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(service), base_url="http://service.test")


async def member(service: FastAPI) -> AsyncClient:
    return anybody(service)


async def admin(service: FastAPI) -> AsyncClient:
    return anybody(service)
