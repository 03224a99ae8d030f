"""Backups as one compressed file of BSON documents. It needs no programs of MongoDB."""

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from app import dialect
from app.config import Settings
from app.dialect import Fields
from app.errors import BackupError

_VERSION = 1
_BATCH = 1000
_RAW = CodecOptions(document_class=RawBSONDocument)


def save(settings: Settings, file: Path) -> None:
    """Save the database in a file. Others may write meanwhile: the backup has the documents of one moment.

    Raises: BackupError
    """
    try:
        asyncio.run(_save(settings, file))
    except (PyMongoError, OSError) as error:
        raise BackupError(f"cannot save the database in {file}: {error}") from error


def restore(settings: Settings, file: Path) -> None:
    """Replace the documents of the database by those of a backup, one collection after the other.

    Raises: BackupError
    """
    try:
        # Read it to its end before anything is deleted.
        for _ in _read(file):
            pass
        asyncio.run(_restore(settings, file))
    except (PyMongoError, OSError, EOFError, bson.errors.BSONError) as error:
        raise BackupError(f"cannot restore {file}: {error}") from error


async def _save(settings: Settings, file: Path) -> None:
    async with dialect.create_client(settings) as client:
        database = _raw(client)
        names = await _collections(database)
        count = 0
        with gzip.open(file, "wb") as output:
            output.write(bson.encode({"backup": _VERSION, "migrations": await _migrations(database)}))
            # All reads see the moment of the first one.
            async with client.start_session(snapshot=True) as snapshot:
                for name in names:
                    async for document in database[name].find(session=snapshot):
                        output.write(bson.encode({"collection": name, "document": document}))
                        count += 1
            output.write(bson.encode({"documents": count}))


async def _restore(settings: Settings, file: Path) -> None:
    async with dialect.create_client(settings) as client:
        database = _raw(client)
        header = next(_entries(file))
        if header["migrations"] != await _migrations(database):
            newest = (header["migrations"] or ["none"])[-1]
            raise BackupError(f"{file} was saved after the migration {newest}: migrate the database to it first")
        for name in await _collections(database):
            await database[name].delete_many({})
        batch: list[RawBSONDocument] = []
        collection = ""
        for entry in _read(file):
            if entry["collection"] != collection or len(batch) == _BATCH:
                await _insert(database, collection, batch)
                collection, batch = entry["collection"], []
            batch.append(entry["document"])
        await _insert(database, collection, batch)


def _read(file: Path) -> Iterator[RawBSONDocument]:
    """The documents of a backup, each with its collection. Raises BackupError if it is no backup, or not complete."""
    entries = _entries(file)
    try:
        is_backup = next(entries).get("backup") == _VERSION
    except (gzip.BadGzipFile, StopIteration, bson.errors.BSONError):
        is_backup = False
    if not is_backup:
        raise BackupError(f"{file} is no backup")
    for count, entry in enumerate(entries):
        if entry.get("documents") == count:
            return
        yield entry
    raise BackupError(f"{file} is not complete")


def _entries(file: Path) -> Iterator[RawBSONDocument]:
    """Everything in a backup: a header, the documents, and their number."""
    with gzip.open(file, "rb") as compressed:
        yield from bson.decode_file_iter(cast(IO[bytes], compressed), _RAW)


async def _insert(database: AsyncDatabase[RawBSONDocument], name: str, batch: list[RawBSONDocument]) -> None:
    if batch:
        await database[name].insert_many(batch)


async def _collections(database: AsyncDatabase[RawBSONDocument]) -> list[str]:
    names = await database.list_collection_names()
    return sorted(name for name in names if not name.startswith(("system.", "migrations")))


async def _migrations(database: AsyncDatabase[RawBSONDocument]) -> list[str]:
    """What has run on the database."""
    return sorted([each["_id"] async for each in database["migrations"].find()])


def _raw(client: AsyncMongoClient[Fields]) -> AsyncDatabase[RawBSONDocument]:
    return client.get_default_database().with_options(_RAW)
