"""The AsyncAPI document: up to date, and valid as far as AsyncAPI 3.0 can be checked without its JSON schema."""

import json
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.context import RequestContext, entered
from app.database import Database
from app.subscriptions import DATA, HANDLERS
from asyncapi import document
from tests.messaging.conftest import handler, send, waiting
from tests.messaging.workers import headers_of

COMMITTED: dict[str, Any] = json.loads(Path("docs/asyncapi.json").read_text())


class TeaPoured(BaseModel):
    """Tea was poured."""

    cups: int


EXAMPLE = document({"tea.poured": (handler(),), "tea.spilled": ()}, {"tea.poured": TeaPoured, "tea.spilled": TeaPoured})


def test_the_committed_asyncapi_document_is_up_to_date() -> None:
    assert document(HANDLERS, DATA) == COMMITTED, "run `make asyncapi` to accept the change"


@pytest.mark.parametrize("found", [COMMITTED, EXAMPLE], ids=["committed", "example"])
def test_the_document_has_what_asyncapi_requires(found: dict[str, Any]) -> None:
    assert found["asyncapi"] == "3.0.0"
    assert all(isinstance(found["info"][field], str) for field in ("title", "version"))
    for kind in found["components"].values():
        assert all(re.fullmatch(r"[\w.-]+", name) for name in kind)
    for channel in found["channels"].values():
        named = set(re.findall(r"{(\w+)}", channel.get("address", "")))
        assert named == channel.get("parameters", {}).keys()
    for operation in found["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert re.fullmatch("#/channels/[^/]+", channel)
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


@pytest.mark.parametrize("found", [COMMITTED, EXAMPLE], ids=["committed", "example"])
def test_every_reference_leads_to_a_part_of_the_document(found: dict[str, Any]) -> None:
    for ref in references(found):
        root, *names = ref.split("/")
        assert root == "#"
        assert reduce(lambda part, name: part[name], names, found)


def test_the_document_describes_the_envelope_and_the_data_of_an_event() -> None:
    schemas = EXAMPLE["components"]["schemas"]
    envelope = schemas["tea.poured"]

    assert {"specversion", "id", "source", "type", "subject", "time", "data"} <= set(envelope["required"])
    assert "owner" not in envelope["properties"]
    assert envelope["properties"]["type"]["const"] == "tea.poured"
    assert envelope["properties"]["data"] == {"$ref": "#/components/schemas/TeaPoured"}
    assert schemas["TeaPoured"]["properties"]["cups"]["type"] == "integer"


def test_an_event_that_is_only_for_other_services_is_sent_but_not_received() -> None:
    assert EXAMPLE["operations"].keys() == {"send.tea.poured", "send.tea.spilled", "receive.tea.poured"}


def test_an_event_whose_data_is_unknown_is_named() -> None:
    with pytest.raises(SystemExit, match=r"must both have tea\.poured"):
        document({"tea.poured": ()}, {})


async def test_messages_have_the_headers_of_the_document(database: Database) -> None:
    with entered(RequestContext(request_id="r1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")):
        await send(database)
    [message] = await waiting(database)

    assert EXAMPLE["components"]["schemas"]["Headers"]["properties"].keys() <= headers_of(message).keys()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from [value] if name == "$ref" else references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)
