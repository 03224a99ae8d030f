"""Dump documents as rows of tables, or load such rows into an empty database: move_documents.py dump|load FILE."""

import asyncio
import pickle
import sys
from collections import defaultdict
from contextlib import suppress

import app.main  # every model is known once the application is
from app import messaging
from app.config import settings
from app.database import Database, models

PARTS = {"order_lines": ("orders", "order_id", "lines"), "grants": ("users", "user_id", "roles")}
"""The tables that are a field of a document: its collection, the column with its id, and the field."""
MODELS = {model.collection: model for model in models().values()}


async def dump(session, file):
    for name, model in sorted(MODELS.items(), key=lambda item: depth(item[1])):
        rows = [model.load(each).model_dump() async for each in session.outside(model).find()]
        parts = {table: (column, field) for table, (owner, column, field) in PARTS.items() if owner == name}
        taken = {
            table: [row_of(table, column, row["id"], part) for row in rows for part in row.pop(field)]
            for table, (column, field) in parts.items()
        }
        for row in rows:
            row.pop("sequence", None)
        for table, some in {name: rows, **taken}.items():
            if some:
                pickle.dump((table, some), file)
                print(len(some), table)


async def load(session, file):
    tables = defaultdict(list)
    with suppress(EOFError):
        while True:
            name, some = pickle.load(file)
            tables[name] += some
            print(len(some), name)
    fields = {field: (owner, column, tables.pop(table, [])) for table, (owner, column, field) in PARTS.items()}
    for name, rows in tables.items():
        parts = {field: by_owner(column, some) for field, (owner, column, some) in fields.items() if owner == name}
        documents = [document(MODELS[name], row, parts) for row in rows]
        await session.outside(MODELS[name]).insert_many(documents)


def depth(model):
    """How many collections the documents depend on: the tables of those come first."""
    return 1 + depth(MODELS[model.parent[1]]) if model.parent else 0


def row_of(table, column, owner, part):
    return {column: owner, **(part if table == "order_lines" else {"role": part})}


def by_owner(column, rows):
    found = defaultdict(list)
    for row in rows:
        found[row.pop(column)].append(row.get("role", row))
    return found


def document(model, row, parts):
    if "sequence" in model.model_fields:
        row["sequence"] = messaging.models.microseconds(row["created_at"])
    return model.model_validate(row | {field: found[row["id"]] for field, found in parts.items()}).dump()


async def main(work, path):
    with open(path, "wb" if work is dump else "rb") as file:
        async with Database(settings()) as database, database.reading() as session:
            await work(session, file)


asyncio.run(main({"dump": dump, "load": load}[sys.argv[1]], sys.argv[2]))
