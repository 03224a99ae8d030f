"""Write the documents of every stack in parts: `python scripts/documents.py`.

`_stack/openapi/common.json` is the OpenAPI document of a service without authentication. For each
auth choice, `auth_NAME.json` holds what it adds, and `auth_NAME_webhooks_NAME.json` what webhooks
add to that. `_stack/asyncapi/common.json` is what the AsyncAPI documents of all queues share.
`queue_NAME.json` holds what a queue adds, and `webhooks_NAME.json` what webhooks add to any queue.

`_axes/openapi.jinja` and `_axes/asyncapi.jinja` assemble them, and `make check` of every generated
service compares the result with the code. Run this after a change of the API or of events; it
generates and installs a service for each choice.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Choices(NamedTuple):
    """What a stack supports. A queue of `queues` has a document of its events."""

    auths: tuple[str, ...]
    queues: tuple[str, ...] = ()
    has_webhooks: bool = False


STACKS = {
    "fastapi": Choices(
        ("jwt", "none"), ("database", "rabbitmq", "redis", "kafka", "sqs"), has_webhooks=True
    ),
    "fastify": Choices(("jwt", "none"), ("database",)),
    "nestjs": Choices(("jwt", "none"), ("database",)),
}

# Stand-ins that JSON leaves as they are and nothing else contains.
NAME = "the-name-of-the-service"
DESCRIPTION = "The description of the service"


def main() -> None:
    """Write the parts of all stacks."""
    for framework, choices in STACKS.items():
        stack = ROOT / "template" / f"{{{{use.{framework}}}}}" / "_stack"
        write_openapi(stack / "openapi", framework, choices)
        if choices.queues:
            write_asyncapi(stack / "asyncapi", framework, choices)


def write_openapi(folder: Path, framework: str, choices: Choices) -> None:
    """Write the parts of the OpenAPI documents."""
    common = document("openapi", framework=framework, auth="none")
    write(folder / "common.json", common)
    for auth in choices.auths:
        without = document("openapi", framework=framework, auth=auth)
        write(folder / f"auth_{auth}.json", added(common, without))
        if choices.has_webhooks:
            signed = document("openapi", framework=framework, auth=auth, webhooks="signed")
            write(folder / f"auth_{auth}_webhooks_signed.json", added(without, signed))


def write_asyncapi(folder: Path, framework: str, choices: Choices) -> None:
    """Write the parts of the AsyncAPI documents. PostgreSQL goes with every queue."""
    answers = {"framework": framework, "database": "postgresql"}
    wholes = {each: document("asyncapi", **answers, queue=each) for each in choices.queues}
    common = reduce(shared, wholes.values())
    write(folder / "common.json", common)
    for queue, whole in wholes.items():
        write(folder / f"queue_{queue}.json", added(common, whole))
    if choices.has_webhooks:
        signed = document("asyncapi", **answers, queue="database", webhooks="signed")
        write(folder / "webhooks_signed.json", added(wholes["database"], signed))


def document(kind: str, **answers: str) -> dict[str, Any]:
    """The document of this kind that a generated service prints."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, NAME)
        new = [sys.executable, "-m", "scaffold", "new", str(project), "--defaults", "--no-git"]
        new += [f"--description={DESCRIPTION}"]
        new += [f"--{name}={answer}" for name, answer in answers.items()]
        subprocess.run(new, check=True, cwd=ROOT / "src", stderr=subprocess.DEVNULL)
        subprocess.run(["make", "--silent", "setup", kind], cwd=project, check=True)
        found: dict[str, Any] = json.loads((project / f"docs/{kind}.json").read_text())
        return found


def shared(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same in both documents."""
    found = {name: value for name, value in one.items() if value == other.get(name)}
    for name in (one.keys() & other.keys()) - found.keys():
        if isinstance(one[name], dict) and isinstance(other[name], dict):
            found[name] = shared(one[name], other[name])
    return found


def added(common: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be added to `common` to get `whole`; exit 1 if something has to be removed."""
    if missing := common.keys() - whole.keys():
        sys.exit(f"error: the document with fewer choices alone has {sorted(missing)}")
    return {
        name: added(common[name], value)
        if isinstance(value, dict) and isinstance(common.get(name), dict)
        else value
        for name, value in whole.items()
        if value != common.get(name)
    }


def write(path: Path, part: Mapping[str, Any]) -> None:
    """Write a part as a template: with the answers in place of the stand-ins."""
    text = json.dumps(part, indent=2, sort_keys=True, ensure_ascii=False)
    if "{{" in text or "{%" in text or "{#" in text:
        sys.exit("error: the document reads like a template")
    text = text.replace(NAME, "{{ name }}")
    for value, expression in (
        (f"{DESCRIPTION}.", "(description ~ '.')"),
        (DESCRIPTION, "description"),
    ):
        text = text.replace(
            json.dumps(value), f"{{{{ {expression} | to_json(ensure_ascii=false) }}}}"
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text}\n")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
