"""Operations on users."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from app.auth import audit, passwords
from app.auth.provider import Authenticator
from app.auth.users.models import User
from app.auth.users.repository import Users, new_user
from app.auth.users.schemas import Registration, UserPatch
from app.database import Database
from app.errors import DomainError
from app.permissions import Role
from app.personal_data import PersonalData
from app.versions import check_version


async def create(database: Database, registration: Registration, role: Role, *, self_registered: bool = False) -> User:
    """Create a user. With `self_registered`, the audit log names the user as the actor.

    Raises: conflict
    """
    user = new_user(registration.email, await passwords.hash_password(registration.password), role)
    async with database.transaction() as session:
        await Users(session).add(user)
        subject = str(user.id)
        actor = subject if self_registered else None
        await audit.record(session, "user.created", subject, actor=actor, after={"roles": [role]})
    return user


async def assign_roles(
    users: Users, authenticator: Authenticator, user_id: UUID, roles: Sequence[Role], versions: Collection[int] | None
) -> User:
    """Give a user exactly these roles.

    Raises: not_found, precondition_failed, invalid_state
    """
    admins = await users.lock_admins()
    user = await users.get_for_update(user_id)
    check_version(user.version, versions)
    if Role.ADMIN not in roles:
        _refuse_if_last_admin(admins, user, "demoted")
    before, after = {"roles": user.roles}, {"roles": list(roles)}
    await users.set_roles(user, roles)
    await audit.record(users.session, "user.roles_assigned", str(user_id), before=before, after=after)
    authenticator.invalidate_user(users.session, user_id)
    return user


async def patch(
    users: Users, authenticator: Authenticator, user_id: UUID, patch: UserPatch, versions: Collection[int] | None
) -> User:
    """Disable or enable a user. Disabling ends the sessions of the user.

    Raises: not_found, precondition_failed, invalid_state
    """
    admins = await users.lock_admins()
    user = await users.get_for_update(user_id)
    check_version(user.version, versions)
    if patch.disabled is None or patch.disabled == user.disabled:
        return user
    if patch.disabled:
        _refuse_if_last_admin(admins, user, "disabled")
        await authenticator.end_sessions(users.session, user_id)
    user.disabled = patch.disabled
    await users.save(user)
    before, after = {"disabled": not patch.disabled}, {"disabled": patch.disabled}
    await audit.record(users.session, "user.disabled_changed", str(user_id), before=before, after=after)
    return user


async def change_password(
    database: Database, authenticator: Authenticator, user_id: UUID, current_password: str, new_password: str
) -> None:
    """Change the password of a user, which ends all its sessions.

    Raises: invalid_credentials, not_found
    """
    async with database.reading() as session:
        known_hash = (await Users(session).get(user_id)).password_hash
    if not await passwords.verify_password(current_password, known_hash):
        raise DomainError("invalid_credentials", "The current password is not correct")
    new_hash = await passwords.hash_password(new_password)
    async with database.transaction() as session:
        users = Users(session)
        user = await users.get_for_update(user_id)
        if user.password_hash != known_hash:
            raise DomainError("invalid_credentials", "The current password is not correct")
        user.password_hash = new_hash
        await users.save(user)
        await authenticator.end_sessions(session, user_id)
        await audit.record(session, "user.password_changed", str(user_id))


async def export(users: Users, features: Sequence[PersonalData], user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """The data that the features store about a user, by feature."""
    data: dict[str, list[dict[str, Any]]] = {}
    for feature in features:
        if feature.export:
            data[feature.name] = await feature.export(users.session, str(user_id))
    return data


async def erase(users: Users, authenticator: Authenticator, features: Sequence[PersonalData], user_id: UUID) -> None:
    """Erase a user, and all data that the features store about the user.

    Raises: not_found, invalid_state
    """
    # A login locks the failed logins first, then the user. Locked in the other order, both could wait for each other.
    await authenticator.erase(users.session, (await users.get(user_id)).email)
    admins = await users.lock_admins()
    user = await users.get_for_update(user_id)
    _refuse_if_last_admin(admins, user, "erased")
    for feature in features:
        await feature.erase(users.session, str(user_id))
    await users.remove(user)
    await audit.record(users.session, "user.erased", str(user_id))
    await audit.erase(users.session, user_id)
    authenticator.invalidate_user(users.session, user_id)


def _refuse_if_last_admin(admins: Collection[UUID], user: User, change: str) -> None:
    if set(admins) == {user.id}:
        raise DomainError("invalid_state", f"The last admin cannot be {change}")
