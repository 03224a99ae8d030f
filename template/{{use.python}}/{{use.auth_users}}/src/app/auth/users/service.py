"""What happens to users."""

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


async def create(database: Database, registration: Registration, role: Role, *, by_itself: bool = False) -> User:
    """Create a user. `by_itself` says whether the user registers, rather than being created by a command.

    Raises: conflict
    """
    user = new_user(registration.email, await passwords.hash_password(registration.password), role)
    async with database.transaction() as session:
        await Users(session).add(user)
        subject = str(user.id)
        await audit.record(
            session, "user.created", subject, actor=subject if by_itself else None, after={"roles": [role]}
        )
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
        _refuse_for_last_admin(admins, user, "demoted")
    before, after = {"roles": user.roles}, {"roles": list(roles)}
    await users.set_roles(user, roles)
    await audit.record(users.session, "user.roles_assigned", str(user_id), before=before, after=after)
    authenticator.forget_user(users.session, user_id)
    return user


async def patch(
    users: Users, authenticator: Authenticator, user_id: UUID, patch: UserPatch, versions: Collection[int] | None
) -> User:
    """Make the changes of a patch. Disabling a user ends its sessions.

    Raises: not_found, precondition_failed, invalid_state
    """
    admins = await users.lock_admins()
    user = await users.get_for_update(user_id)
    check_version(user.version, versions)
    if patch.disabled is None or patch.disabled == user.disabled:
        return user
    if patch.disabled:
        _refuse_for_last_admin(admins, user, "disabled")
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
    """What the features store of a user, by feature."""
    exports = {feature.name: feature.export for feature in features if feature.export}
    return {name: await export(users.session, str(user_id)) for name, export in exports.items()}


async def erase(users: Users, authenticator: Authenticator, features: Sequence[PersonalData], user_id: UUID) -> None:
    """Erase a user, and everything that the features store of it.

    Raises: not_found, invalid_state
    """
    admins = await users.lock_admins()
    user = await users.get_for_update(user_id)
    _refuse_for_last_admin(admins, user, "erased")
    for feature in features:
        await feature.erase(users.session, str(user_id))
    await authenticator.erase(users.session, user.email)
    await users.remove(user)
    await audit.record(users.session, "user.erased", str(user_id))
    await audit.erase(users.session, user_id)
    authenticator.forget_user(users.session, user_id)


def _refuse_for_last_admin(admins: Collection[UUID], user: User, participle: str) -> None:
    if set(admins) == {user.id}:
        raise DomainError("invalid_state", f"The last admin cannot be {participle}")
