"""Users over HTTP: one's own account, and the accounts that admins manage."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app import clock
from app.auth import audit
from app.auth.dependencies import ReadSession, WriteSession
from app.auth.models import Grant, User
from app.auth.permissions import Permission
from app.auth.personal_data import collect
from app.auth.principal import Principal, require
from app.auth.router import AuthenticatorDep
from app.auth.schemas import PersonalData, RoleAssignment, UserPage, UserRead
from app.errors import NotFound, PreconditionFailed
from app.keyset import newest_first
from app.web import idempotency
from app.web.conditional import NOT_MODIFIED, IfMatch, IfNoneMatch, check_match, resource
from app.web.openapi import raises
from app.web.pagination import PageQuery, page_response

router = APIRouter(prefix="/api/v1/users", tags=["users"])

Myself = Annotated[Principal, require(None)]
UserReader = Annotated[Principal, require(Permission.USERS_READ)]
UserManager = Annotated[Principal, require(Permission.USERS_MANAGE)]


@router.get("/me", operation_id="get_me", response_model=UserRead, responses=NOT_MODIFIED)
async def get_me(session: ReadSession, me: Myself, if_none_match: IfNoneMatch = None) -> Response:
    """Get one's own account."""
    user = await _find(session, me.id)
    return resource(UserRead.model_validate(user), user.version, if_none_match=if_none_match)


@router.get("/me/export", operation_id="export_me")
async def export_me(session: ReadSession, me: Myself) -> PersonalData:
    """Get all that is stored about oneself."""
    user = await _find(session, me.id)
    return PersonalData(user=UserRead.model_validate(user), data=await collect(session, me.id))


@router.delete("/me", operation_id="erase_me", status_code=204)
async def erase_me(request: Request, session: WriteSession, me: Myself, authenticator: AuthenticatorDep) -> None:
    """Erase one's account, and everything that belongs to it."""
    await session.delete(await _find(session, me.id, lock=True))
    await idempotency.forget(session, request.scope["caller"])
    audit.record(session, request, me, "user.erased", str(me.id))
    authenticator.forget()


@router.get("", operation_id="list_users", response_model=UserPage, openapi_extra=raises("invalid_cursor"))
async def list_users(
    request: Request, query: Annotated[PageQuery, Query()], session: ReadSession, reader: UserReader
) -> Response:
    """List users, newest first."""
    found = await newest_first(session, select(User), query, User.created_at, User.id)
    return page_response(request, UserPage, query, found)


@router.get("/{user_id}", operation_id="get_user", response_model=UserRead, responses=NOT_MODIFIED)
async def get_user(
    user_id: UUID, session: ReadSession, reader: UserReader, if_none_match: IfNoneMatch = None
) -> Response:
    """Get one user."""
    user = await _find(session, user_id)
    return resource(UserRead.model_validate(user), user.version, if_none_match=if_none_match)


@router.put(
    "/{user_id}/roles",
    operation_id="assign_roles",
    response_model=UserRead,
    openapi_extra=raises("precondition_failed", "precondition_required"),
)
async def assign_roles(
    request: Request,
    user_id: UUID,
    body: RoleAssignment,
    session: WriteSession,
    manager: UserManager,
    authenticator: AuthenticatorDep,
    if_match: IfMatch = None,
) -> Response:
    """Give a user exactly these roles."""
    user = await _find(session, user_id)
    check_match(if_match, user.version)
    before = list(user.roles)
    user.grants = [grant for grant in user.grants if grant.role in body.roles]
    user.grants += [Grant(role=role) for role in body.roles if role not in before]
    audit.record(
        session,
        request,
        manager,
        "user.roles_assigned",
        str(user_id),
        before={"roles": before},
        after={"roles": body.roles},
    )
    await _save(session, user)
    authenticator.forget()
    return resource(UserRead.model_validate(user), user.version)


async def _find(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    user = await session.get(User, user_id, with_for_update=lock)
    if user is None:
        raise NotFound("There is no such user")
    return user


async def _save(session: AsyncSession, user: User) -> None:
    # Roles are rows of their own; the version of the user must count their changes, too.
    user.updated_at = clock.now()
    try:
        await session.flush()
    except StaleDataError as error:
        raise PreconditionFailed("Somebody else has changed the user meanwhile") from error
