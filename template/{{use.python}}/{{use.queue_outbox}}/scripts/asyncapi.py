"""Prints the AsyncAPI document: `make asyncapi` writes it to docs/asyncapi.json."""

import json
import sys
from typing import Any, Literal

from pydantic import BaseModel, create_model

import app
from app.messaging import CHANNELS, HEADERS, DataModels, Handlers
from app.messaging.events import Event
from app.subscriptions import DATA, HANDLERS


def document(handlers: Handlers, data: DataModels) -> dict[str, Any]:
    """The AsyncAPI document of a service with these handlers of events.

    Exits if `handlers` and `data` do not have the same types of events.
    """
    for event_type in handlers.keys() ^ data.keys():
        sys.exit(f"error: HANDLERS and DATA of src/app/subscriptions.py must both have {event_type}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": app.NAME, "version": app.__version__, "description": app.__doc__},
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            name: {**channel, "messages": {each: _ref("components/messages", each) for each in data}}
            for name, channel in CHANNELS.items()
        },
        "operations": _operations(handlers),
        "components": {
            "messages": {each: _message(each, model) for each, model in data.items()},
            "schemas": _schemas(data),
        },
    }


def _operations(handlers: Handlers) -> dict[str, Any]:
    sent = {f"send.{each}": _operation("send", "events", each) for each in handlers}
    # An event without handlers is only for other services.
    received = {f"receive.{each}": _operation("receive", "queue", each) for each in handlers if handlers[each]}
    return sent | received


def _operation(action: Literal["send", "receive"], channel: str, event_type: str) -> dict[str, Any]:
    messages = [_ref(f"channels/{channel}/messages", event_type)]
    return {"action": action, "channel": _ref("channels", channel), "messages": messages}


def _message(event_type: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": event_type,
        "summary": model.__doc__,
        "headers": _ref("components/schemas", "Headers"),
        "payload": _ref("components/schemas", event_type),
    }


def _schemas(data: DataModels) -> dict[str, Any]:
    headers = {name: {"type": "string", "description": about} for name, about in HEADERS.items()}
    schemas: dict[str, Any] = {"Headers": {"type": "object", "properties": headers}}
    for event_type, model in data.items():
        # The envelope with the type and the data of this event.
        fields: dict[str, Any] = {"type": (Literal[event_type], ...), "data": (model, ...)}
        envelope = create_model(event_type, __base__=Event, __doc__=model.__doc__, **fields)
        schema = envelope.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs") | {event_type: schema}
    return schemas


def _ref(path: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/{path}/{name}"}


if __name__ == "__main__":
    print(json.dumps(document(HANDLERS, DATA), indent=2, sort_keys=True, ensure_ascii=False))
