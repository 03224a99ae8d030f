"""The OpenAPI document: complete and consistent with the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffold.conformance import expect
from scaffold.conformance.accounts import LOGIN, LOGOUT, ME, REFRESH, REGISTER
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.expect import PROBLEM
from scaffold.conformance.service import Service
from scaffold.conformance.verdicts import Failure, Skip

METHODS = ("get", "post", "put", "patch", "delete")
ALWAYS = {("get", ORDERS), ("post", ORDERS)} | {
    *(("get", f"{ORDERS}/{{}}"), ("patch", f"{ORDERS}/{{}}"), ("delete", f"{ORDERS}/{{}}")),
    ("post", f"{ORDERS}/{{}}/cancellation"),
}
WITH_ACCOUNTS = {("post", path) for path in (REGISTER, LOGIN, REFRESH, LOGOUT)} | {
    *(("get", ME), ("delete", ME), ("get", f"{ME}/export")),
    *(("get", "/api/v1/users"), ("put", "/api/v1/users/{}/roles")),
}


@check("API-6", "the document is OpenAPI 3.1 and describes the service")
async def document_is_openapi_3_1(service: Service) -> None:
    document = _document(service)
    version = str(document.get("openapi"))
    expect.that(version.startswith("3.1"), "openapi 3.1", version)
    for name in ("title", "version", "description"):
        expect.that(bool(document.get("info", {}).get(name)), f"info.{name}", "nothing")


@check("API-6", "the page of the document is served, with its own content security policy")
async def docs_page_is_served(service: Service) -> None:
    _document(service)
    answer = expect.status(await service.get("/docs"), 200)
    kind = expect.header(answer, "Content-Type")
    expect.that(kind.startswith("text/html"), "a page", kind, answer)
    expect.header(answer, "Content-Security-Policy")


@check("API-6", "every route of the contract is in the document")
async def every_route_is_documented(service: Service) -> None:
    wanted = ALWAYS | (WITH_ACCOUNTS if service.auth == "jwt" else set())
    found = {(method, _anonymous(path)) for method, path, _ in _operations(service)}
    missing = sorted(f"{method.upper()} {path}" for method, path in wanted - found)
    expect.that(not missing, "every route of the contract", f"no {', '.join(missing)}")


@check("API-6", "every operation has a unique id, a summary, a description, tags and responses")
async def operations_are_described(service: Service) -> None:
    seen: set[str] = set()
    for method, path, operation in _operations(service):
        for name in ("operationId", "summary", "description", "tags", "responses"):
            expect.that(bool(operation.get(name)), f"{name} of {method.upper()} {path}", "nothing")
        name = operation["operationId"]
        expect.that(name not in seen, "an operationId for each operation", f"{name} twice")
        seen.add(name)


@check("API-6", "every operation documents its errors as problem documents")
async def errors_are_documented(service: Service) -> None:
    for method, path, operation in _operations(service):
        if not path.startswith("/api/"):
            continue
        responses = operation["responses"]
        wanted = {"429", "500", "503"}
        wanted |= {"404"} if "{" in path else set()
        wanted |= {"400", "413", "415", "422"} if "requestBody" in operation else set()
        wanted |= {"401"} if operation.get("security") else set()
        missing = sorted(wanted - set(responses)) if "default" not in responses else []
        expect.that(
            not missing, f"the errors of {method.upper()} {path}", f"no {', '.join(missing)}"
        )
        for status, response in responses.items():
            if status == "default" or status >= "400":
                kinds = sorted(_resolved(service, response).get("content", {}))
                expect.that(
                    kinds == [PROBLEM], f"{status} of {method.upper()} {path} as {PROBLEM}", kinds
                )


@check("API-6", "every request body has an example")
async def bodies_have_examples(service: Service) -> None:
    for method, path, operation in _operations(service):
        content = _resolved(service, operation.get("requestBody", {})).get("content", {})
        for kind, media in content.items():
            schema = _resolved(service, media.get("schema", {}))
            shown = {"example", "examples"} & (set(media) | set(schema)) or all(
                {"example", "examples", "default"} & set(_resolved(service, one))
                for one in schema.get("properties", {None: {}}).values()
            )
            expect.that(bool(shown), f"an example of {kind} for {method.upper()} {path}", "none")


@check("API-6", "every reference in the document can be resolved")
async def references_lead_somewhere(service: Service) -> None:
    document = _document(service)
    for reference in _references(document):
        _follow(document, reference)


@check("API-6", "the document marks the operations that need a token", accounts=True)
async def security_is_documented(service: Service) -> None:
    document = _document(service)
    for method, path, operation in _operations(service):
        security = operation.get("security", document.get("security"))
        public = path in (REGISTER, LOGIN, REFRESH, LOGOUT)
        if path.startswith("/api/") and not public:
            expect.that(
                bool(security), f"a security requirement of {method.upper()} {path}", security
            )
        if path in (REGISTER, LOGIN, REFRESH):
            expect.that(not security, f"{method.upper()} {path} without a token", security)


def _document(service: Service) -> dict[str, Any]:
    if service.openapi is None:
        raise Skip("the service does not serve its document (off in production by default)")
    return service.openapi


def _operations(service: Service) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in _document(service).get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def _anonymous(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _resolved(service: Service, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = _follow(_document(service), node["$ref"])
    return node


def _follow(document: dict[str, Any], reference: str) -> dict[str, Any]:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or name not in node:
            raise Failure("a reference that leads somewhere", reference)
        node = node[name]
    found: dict[str, Any] = node
    return found
