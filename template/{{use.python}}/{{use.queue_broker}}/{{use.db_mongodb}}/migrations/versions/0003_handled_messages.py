"""Handled messages."""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

revision = "0003_handled_messages"
down_revision = "0003_messages"

HANDLED = {
    "bsonType": "object",
    "required": ["_id", "is_handled", "starts", "seen_at"],
    "properties": {
        "_id": {"bsonType": "object", "required": ["event_id", "handler"]},
        "is_handled": {"bsonType": "bool"},
        "starts": {"bsonType": "int"},
        "seen_at": {"bsonType": "date"},
    },
}


async def upgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    handled = await database.create_collection("handled_messages", validator={"$jsonSchema": HANDLED})
    await handled.create_index("seen_at")


async def downgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    await database.drop_collection("handled_messages")
