"""A small HTTP/1.1 client over asyncio streams, cheap enough not to be what a drill measures.

It reads answers with a Content-Length or none at all, keeps connections alive and sends nothing
twice.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TransportError(Exception):
    """The request may or may not have arrived: there is no answer to it."""


@dataclass(frozen=True)
class Answer:
    """A status, headers by lower-case name, and a body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, object]:
        """The body, which is a JSON object. Raises ValueError when it is not."""
        document = json.loads(self.content)
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return document


class Client:
    """Connections to any number of origins, as many as requests are sent at once."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._idle: defaultdict[str, list[Stream]] = defaultdict(list)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: object = None
    ) -> Answer:
        """Send one request. Raises TransportError when no answer comes within the timeout."""
        parts = urlsplit(url)
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {parts.path}{'?' if parts.query else ''}{parts.query} HTTP/1.1",
            f"Host: {parts.netloc}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if content:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        request = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(parts.netloc, request)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise TransportError(repr(error)) from error

    def close(self) -> None:
        """Close the idle connections."""
        for streams in self._idle.values():
            for _, writer in streams:
                writer.close()
        self._idle.clear()

    async def _exchange(self, origin: str, request: bytes) -> Answer:
        reader, writer = await self._connect(origin)
        try:
            writer.write(request)
            answer = await _read(reader)
        except BaseException:  # also when cancelled: half an answer must not be read by the next
            writer.close()
            raise
        if answer.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle[origin].append((reader, writer))
        return answer

    async def _connect(self, origin: str) -> Stream:
        idle = self._idle[origin]
        while idle:
            reader, writer = idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        host, _, port = origin.partition(":")
        return await asyncio.open_connection(host, int(port))


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(status[9:12]), headers, content)
