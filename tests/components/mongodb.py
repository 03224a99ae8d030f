"""A server that is compatible with MongoDB: SecantusDB. It takes the options of MongoDB."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.components.process import (
    MissingComponentError,
    Process,
    Provenance,
    free_ports,
    wait_until,
)

PROGRAM = Path(__file__).parents[2] / ".work/mongodb/mongod"


class MongoDB:
    """A throwaway server, a replica set of its own, that keeps its port and its data."""

    provenance: Provenance = "compatible"

    def __init__(self) -> None:
        if not PROGRAM.exists():
            raise MissingComponentError("SecantusDB is not installed: scripts/setup.sh servers")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-mongodb-"))
        self.port = free_ports(1)[0]
        self.client: MongoClient[dict[str, Any]] = MongoClient(
            self.database_url(""),
            uuidRepresentation="standard",
            serverSelectionTimeoutMS=500,
            connect=False,
        )
        self._server: Process | None = None
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of MongoDB that it claims to be, as in `8.2.11`."""
        return str(self.client.server_info()["version"])

    @property
    def url(self) -> str:
        """The URL of the server, without a database."""
        return self.database_url("")

    def database_url(self, name: str) -> str:
        """The URL of database `name`."""
        return f"mongodb://127.0.0.1:{self.port}/{name}?directConnection=true"

    def copy_database(self, source: str, name: str) -> None:
        """Make the database `name` with the collections, indexes and documents of `source`."""
        old, new = self.client[source], self.client[name]
        self.client.drop_database(name)
        for each in old.list_collections():
            collection = new.create_collection(each["name"], **each["options"])
            for index, options in old[each["name"]].index_information().items():
                if index != "_id_":
                    unique = options.get("unique", False)
                    collection.create_index(options["key"], name=index, unique=unique)
            if documents := list(old[each["name"]].find()):
                collection.insert_many(documents)

    def start(self) -> None:
        """Start the server and wait until it answers (about a second)."""
        self._server = Process(
            [
                *(str(PROGRAM), "--replSet=app", f"--dbpath={self._home / 'data'}"),
                *(f"--port={self.port}", "--bind_ip=127.0.0.1"),
                "--setParameter=transactionLifetimeLimitSeconds=10",
            ],
            log=self._home / "server.log",
        )
        wait_until(self._answers, 30, "SecantusDB did not start", self._server)

    def stop(self) -> None:
        """End the server, breaking its connections; its data stays."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(30)
            self._server = None

    def kill(self) -> None:
        """`kill -9`; what was committed stays."""
        if self._server:
            self._server.kill()
            self._server = None

    def suspend(self) -> None:
        """Let the server answer nobody, with its connections open."""
        assert self._server
        self._server.signal(signal.SIGSTOP)
        # Its threads run on for a while after the signal, and could still answer.
        os.waitpid(self._server.pid, os.WUNTRACED)

    def resume(self) -> None:
        """Let a suspended server go on."""
        assert self._server
        self._server.signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        self.client.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False
