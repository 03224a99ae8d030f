"""Pages of a list over HTTP."""

from typing import Any, TypeVar

from fastapi import Request, Response

from app.pagination import Page, PageMeta, PageQuery, Slice

PageT = TypeVar("PageT", bound=Page[Any])


def paginated(schema: type[PageT], request: Request, response: Response, query: PageQuery, found: Slice[Any]) -> PageT:
    """The body of a page. If there is a next page, its URL is set as the `Link` header."""
    meta = PageMeta(limit=query.limit, next_cursor=found.next.encode() if found.next else None)
    if meta.next_cursor is not None:
        url = request.url.include_query_params(cursor=meta.next_cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return schema.model_validate({"data": found.rows, "meta": meta}, from_attributes=True)
