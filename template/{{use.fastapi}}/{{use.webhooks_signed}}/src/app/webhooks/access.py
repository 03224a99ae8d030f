"""Dependencies of routes: access to endpoints for reading or writing, with the permission, and the settings."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.dependencies import ReadSession, WriteSession, require
from app.config import Settings
from app.permissions import Permission, Principal
from app.webhooks.repository import Endpoints

_Manager = Annotated[Principal, require(Permission.WEBHOOKS_MANAGE)]


async def _read(principal: _Manager, session: ReadSession) -> Endpoints:
    return Endpoints(session, principal)


async def _write(principal: _Manager, session: WriteSession) -> Endpoints:
    return Endpoints(session, principal)


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


ReadEndpoints = Annotated[Endpoints, Depends(_read)]
WriteEndpoints = Annotated[Endpoints, Depends(_write)]
CurrentSettings = Annotated[Settings, Depends(_settings)]
