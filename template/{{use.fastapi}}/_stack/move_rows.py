"""Dump the rows of a database, or load them into an empty one: move_rows.py dump|load FILE."""

import asyncio
import pickle
import sys
from contextlib import suppress
from uuid import UUID

from sqlalchemy import insert, select

import app.main  # every model is known once the application is
from app.config import settings
from app.database import Base
from app.dialect import create_migration_engine

TABLES = {table.name: table for table in Base.metadata.sorted_tables}


def dump(connection, file):
    for name, table in TABLES.items():
        rows = connection.execution_options(yield_per=1000).execute(select(table)).mappings()
        for some in rows.partitions():
            pickle.dump((str(name), [{str(key): plain(row[key]) for key in row} for row in some]), file)
            print(len(some), name)


def plain(value):
    """The value in a type that every driver accepts: one of them has its own UUID type."""
    return UUID(int=value.int) if isinstance(value, UUID) else value


def load(connection, file):
    with suppress(EOFError):
        while True:
            name, some = pickle.load(file)
            connection.execute(insert(TABLES[name]), some)
            print(len(some), name)


async def main(work, path):
    engine = create_migration_engine(settings())
    with open(path, "wb" if work is dump else "rb") as file:
        async with engine.begin() as connection:
            await connection.run_sync(work, file)
    await engine.dispose()


asyncio.run(main({"dump": dump, "load": load}[sys.argv[1]], sys.argv[2]))
