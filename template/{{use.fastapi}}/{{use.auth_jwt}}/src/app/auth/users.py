"""Users over HTTP: one's own account, and the accounts that admins manage."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Select, event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app import clock
from app.auth import audit
from app.auth.dependencies import ReadSession, WriteSession, require
from app.auth.models import Grant, LoginSession, User
from app.auth.permissions import Permission, Principal
from app.auth.provider import Authenticator
from app.auth.router import AuthenticatorDep
from app.auth.schemas import PersonalData, RoleAssignment, UserPage, UserRead
from app.database import Base
from app.errors import Refusal
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
    return resource(UserRead, await _find(session, me.id), if_none_match=if_none_match)


@router.get("/me/export", operation_id="export_me")
async def export_me(session: ReadSession, me: Myself) -> PersonalData:
    """Get one's account, and everything that belongs to it."""
    user = UserRead.model_validate(await _find(session, me.id), from_attributes=True)
    return PersonalData(user=user, data=await _belongings(session, me.id))


@router.delete("/me", operation_id="erase_me", status_code=204)
async def erase_me(request: Request, session: WriteSession, me: Myself, authenticator: AuthenticatorDep) -> None:
    """Erase one's account, and everything that belongs to it."""
    await session.delete(await _find(session, me.id, lock=True))
    await idempotency.forget(session, request.scope["caller"])
    audit.record(session, request, me, "user.erased", str(me.id))
    _forget_after(session, authenticator, me.id)


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
    return resource(UserRead, await _find(session, user_id), if_none_match=if_none_match)


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
    before, after = {"roles": user.roles}, {"roles": body.roles}
    user.grants = [grant for grant in user.grants if grant.role in body.roles]
    user.grants += [Grant(role=role) for role in body.roles if role not in before["roles"]]
    audit.record(session, request, manager, "user.roles_assigned", str(user_id), before, after)
    await _save(session, user)
    _forget_after(session, authenticator, user_id)
    return resource(UserRead, user)


async def _find(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    user = await session.get(User, user_id, with_for_update=lock)
    if user is None:
        raise Refusal("not_found", "There is no such user")
    return user


async def _save(session: AsyncSession, user: User) -> None:
    # Roles are rows of their own; the version of the user must count their changes, too.
    user.updated_at = clock.now()
    try:
        await session.flush()
    except StaleDataError as error:
        raise Refusal("precondition_failed", "Somebody else has changed the user meanwhile") from error


def _forget_after(session: AsyncSession, authenticator: Authenticator, user_id: UUID) -> None:
    # Not before: until the commit, others would look up what is still true.
    event.listen(session.sync_session, "after_commit", lambda _: authenticator.forget(user_id), once=True)


async def _belongings(session: AsyncSession, user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """The rows that belong to a user by a foreign key, and the rows that belong to those, by table."""
    owners: dict[Any, Select[Any]] = {User.__table__: select(User.id).where(User.id == user_id)}
    left_out = (Grant.__table__, LoginSession.__table__)  # the roles stand in the account; sessions are secrets
    data = {}
    for table in Base.metadata.sorted_tables:  # owners first
        for key in table.foreign_keys:
            if key.column.table in owners and table not in left_out:
                is_owned = key.parent.in_(owners[key.column.table])
                rows = await session.execute(select(table).where(is_owned))
                data[table.name] = [dict(row) for row in rows.mappings()]
                if "id" in table.c:
                    owners[table] = select(table.c.id).where(is_owned)
    return data
