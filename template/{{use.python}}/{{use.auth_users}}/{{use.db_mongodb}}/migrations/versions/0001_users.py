"""Users, their sessions and the audit log."""

from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.database import AsyncDatabase

revision = "0001_users"
down_revision = None

NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]
ID, DIGEST, DATE = {"bsonType": "binData"}, {"bsonType": "binData"}, {"bsonType": "date"}
DATE_OR_NULL = {"bsonType": ["date", "null"]}
JSON_OR_NULL = {"bsonType": ["object", "null"]}

FIELDS: dict[str, dict[str, Any]] = {
    "users": {
        "_id": ID,
        "email": {"bsonType": "string", "maxLength": 254},
        "password_hash": {"bsonType": "string", "maxLength": 200},
        "disabled": {"bsonType": "bool"},
        "roles": {"bsonType": "array", "uniqueItems": True, "items": {"enum": ["admin", "member"]}},
        "created_at": DATE,
        "updated_at": DATE,
        "version": {"bsonType": "int"},
    },
    "sessions": {"_id": ID, "user_id": ID, "created_at": DATE, "expires_at": DATE, "revoked_at": DATE_OR_NULL},
    "refresh_tokens": {"_id": DIGEST, "session_id": ID, "used_at": DATE_OR_NULL},
    "login_failures": {
        "_id": {"bsonType": "object", "required": ["account", "address"]},
        "count": {"bsonType": "int"},
        "expires_at": DATE,
    },
    "audit_log": {
        "_id": ID,
        "created_at": DATE,
        "actor_id": {"bsonType": ["binData", "null"]},
        "owner_id": {"bsonType": ["binData", "null"]},
        "action": {"bsonType": "string", "maxLength": 100},
        "subject": {"bsonType": "string", "maxLength": 100},
        "address": {"bsonType": "string", "maxLength": 45},
        "request_id": {"bsonType": "string", "maxLength": 128},
        "before": JSON_OR_NULL,
        "after": JSON_OR_NULL,
    },
}
"""The fields of each collection. All of them are required."""


async def upgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    for name, fields in FIELDS.items():
        schema = {"bsonType": "object", "required": list(fields), "properties": fields}
        await database.create_collection(name, validator={"$jsonSchema": schema})
    await database["users"].create_index([("email", ASCENDING)], unique=True)
    await database["users"].create_index(NEWEST_FIRST)
    await database["users"].create_index("roles")
    await database["sessions"].create_index("user_id")
    await database["sessions"].create_index("expires_at")
    await database["refresh_tokens"].create_index("session_id")
    await database["login_failures"].create_index("_id.account")
    await database["login_failures"].create_index("expires_at")
    await database["audit_log"].create_index(NEWEST_FIRST)
    await database["audit_log"].create_index("actor_id")
    await database["audit_log"].create_index("owner_id")


async def downgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    for name in FIELDS:
        await database.drop_collection(name)
