"""The outbox."""

from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase

revision = "0003_messages"
down_revision = "0002_platform"

MESSAGE = {
    "bsonType": "object",
    "required": ["_id", "owner", "type", "subject", "event", "state", "run_at", "attempts", "created_at", "sequence"],
    "properties": {
        "_id": {"bsonType": "binData"},
        "owner": {"bsonType": "string", "maxLength": 64},
        "type": {"bsonType": "string", "maxLength": 100},
        "subject": {"bsonType": "string", "maxLength": 255},
        "event": {"bsonType": "object"},
        "handler": {"bsonType": ["string", "null"], "maxLength": 100},
        "request_id": {"bsonType": ["string", "null"], "maxLength": 128},
        "traceparent": {"bsonType": ["string", "null"], "maxLength": 55},
        "state": {"enum": ["pending", "dead"]},
        "run_at": {"bsonType": "date"},
        "lease": {"bsonType": ["binData", "null"]},
        "attempts": {"bsonType": "int"},
        "last_error": {"bsonType": ["string", "null"], "maxLength": 1000},
        "created_at": {"bsonType": "date"},
        "sequence": {"bsonType": "long"},
    },
}
LOCK = {"bsonType": "object", "required": ["_id"], "properties": {"_id": {"bsonType": "string", "maxLength": 100}}}


async def upgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    messages = await database.create_collection("messages", validator={"$jsonSchema": MESSAGE})
    await messages.create_index([("state", ASCENDING), ("run_at", ASCENDING), ("sequence", ASCENDING)])
    await messages.create_index("lease")
    await messages.create_index("owner")
    await database.create_collection("locks", validator={"$jsonSchema": LOCK})


async def downgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    await database.drop_collection("locks")
    await database.drop_collection("messages")
