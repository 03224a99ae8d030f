"""Users over HTTP: the caller's own account, and the accounts that admins manage."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.auth.dependencies import AuthenticatorDep, CurrentPrincipal, ReadSession, WriteSession, require
from app.auth.users import service
from app.auth.users.repository import Users
from app.auth.users.schemas import PasswordChange, RoleAssignment, UserExport, UserPage, UserPatch, UserRead
from app.pagination import PageQuery
from app.permissions import Permission, Principal
from app.web.conditional import NOT_MODIFIED, Conditional, IfMatch, etag
from app.web.openapi import raises
from app.web.pagination import paginated

router = APIRouter(prefix="/api/v1/users", tags=["users"])

UserReader = Annotated[Principal, require(Permission.USERS_READ)]
UserManager = Annotated[Principal, require(Permission.USERS_MANAGE)]


@router.get("/me", operation_id="get_me", responses=NOT_MODIFIED)
async def get_me(me: CurrentPrincipal, session: ReadSession, conditional: Conditional) -> UserRead:
    """Get one's own account."""
    user = await Users(session).get(UUID(me.subject))
    conditional.check(user.version)
    return UserRead.model_validate(user)


@router.get("/me/export", operation_id="export_me")
async def export_me(request: Request, me: CurrentPrincipal, session: ReadSession) -> UserExport:
    """Get one's account, and everything that the service stores of its owner."""
    users = Users(session)
    user_id = UUID(me.subject)
    data = await service.export(users, request.app.state.personal_data, user_id)
    return UserExport.model_validate({"user": await users.get(user_id), "data": data})


@router.put(
    "/me/password", operation_id="change_password", status_code=204, openapi_extra=raises("invalid_credentials")
)
async def change_password(
    request: Request, me: CurrentPrincipal, body: PasswordChange, authenticator: AuthenticatorDep
) -> None:
    """Change one's password. This ends all sessions, so log in again."""
    database = request.app.state.database
    await service.change_password(database, authenticator, UUID(me.subject), body.current_password, body.new_password)


@router.delete("/me", operation_id="erase_me", status_code=204, openapi_extra=raises("invalid_state"))
async def erase_me(
    request: Request, me: CurrentPrincipal, session: WriteSession, authenticator: AuthenticatorDep
) -> None:
    """Erase one's account, and everything that the service stores of its owner."""
    await service.erase(Users(session), authenticator, request.app.state.personal_data, UUID(me.subject))


@router.get("", operation_id="list_users", openapi_extra=raises("invalid_cursor"))
async def list_users(
    request: Request, response: Response, reader: UserReader, query: Annotated[PageQuery, Query()], session: ReadSession
) -> UserPage:
    """List users, newest first."""
    return paginated(UserPage, request, response, query, await Users(session).page(query))


@router.get("/{user_id}", operation_id="get_user", responses=NOT_MODIFIED)
async def get_user(user_id: UUID, reader: UserReader, session: ReadSession, conditional: Conditional) -> UserRead:
    """Get one user."""
    user = await Users(session).get(user_id)
    conditional.check(user.version)
    return UserRead.model_validate(user)


@router.patch(
    "/{user_id}",
    operation_id="patch_user",
    openapi_extra=raises("invalid_state", "precondition_failed", "precondition_required"),
)
async def patch_user(
    user_id: UUID,
    manager: UserManager,
    body: UserPatch,
    versions: IfMatch,
    session: WriteSession,
    authenticator: AuthenticatorDep,
    response: Response,
) -> UserRead:
    """Disable a user, or enable it again. Disabling ends its sessions."""
    user = await service.patch(Users(session), authenticator, user_id, body, versions)
    response.headers["ETag"] = etag(user.version)
    return UserRead.model_validate(user)


@router.put(
    "/{user_id}/roles",
    operation_id="assign_roles",
    openapi_extra=raises("invalid_state", "precondition_failed", "precondition_required"),
)
async def assign_roles(
    user_id: UUID,
    manager: UserManager,
    body: RoleAssignment,
    versions: IfMatch,
    session: WriteSession,
    authenticator: AuthenticatorDep,
    response: Response,
) -> UserRead:
    """Give a user exactly these roles."""
    user = await service.assign_roles(Users(session), authenticator, user_id, body.roles, versions)
    response.headers["ETag"] = etag(user.version)
    return UserRead.model_validate(user)
