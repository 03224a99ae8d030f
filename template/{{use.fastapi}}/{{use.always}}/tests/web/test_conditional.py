"""Preconditions (RFC 9110)."""

import pytest
from pydantic import BaseModel

from app.errors import PreconditionFailed, PreconditionRequired
from app.web.conditional import check_match, resource


class Thing(BaseModel):
    name: str = "x"


@pytest.mark.parametrize("header", ['"3"', 'W/"3"', '"1", "3"', "*"])
def test_what_the_caller_has_is_not_sent_again(header: str) -> None:
    answer = resource(Thing(), 3, if_none_match=header)
    assert (answer.status_code, answer.body, answer.headers["ETag"]) == (304, b"", '"3"')


@pytest.mark.parametrize("header", [None, '"2"', "3", '"33"', ""])
def test_what_the_caller_lacks_is_sent(header: str | None) -> None:
    answer = resource(Thing(), 3, if_none_match=header)
    assert (answer.status_code, answer.body, answer.headers["ETag"]) == (200, b'{"name":"x"}', '"3"')


@pytest.mark.parametrize("header", ['"3"', '"1", "3"', "*"])
def test_a_change_of_the_known_version_passes(header: str) -> None:
    check_match(header, 3)


@pytest.mark.parametrize("header", ['"2"', 'W/"3"', "3", ""])
def test_a_change_of_another_version_is_refused(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_match(header, 3)


def test_a_change_must_name_a_version() -> None:
    with pytest.raises(PreconditionRequired):
        check_match(None, 3)


def test_unless_it_need_not() -> None:
    check_match(None, 3, required=False)
