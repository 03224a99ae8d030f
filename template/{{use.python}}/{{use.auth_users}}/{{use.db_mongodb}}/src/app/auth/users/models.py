"""The documents of users."""

from app.database import Resource
from app.permissions import Role


class User(Resource):
    collection = "users"

    email: str
    """In lower case."""
    password_hash: str
    disabled: bool = False
    roles: list[Role]
