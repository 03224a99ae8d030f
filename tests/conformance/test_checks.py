"""Each check passes on a service that keeps the contract, and fails on one that breaks its rule."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scaffold.conformance.core import CHECKS, Check, Result
from scaffold.conformance.runner import run, selected
from scaffold.conformance.service import Options

from . import reference
from .conftest import Server
from .reference import ADMIN, ALLOWED_ORIGIN, SIGNING_KEY_PEM, Reference

BREAKS = {
    "livez says nothing": ["liveness_answers", "traceparent_is_taken"],
    "no latency": ["readiness_names_each_dependency"],
    "readyz is cached": ["readiness_names_each_dependency"],
    "probes are limited": ["operations_are_not_limited"],
    "a metric is missing": ["metrics_have_the_agreed_names"],
    "no port has the metrics": [
        "metrics_have_the_agreed_names",
        "metrics_are_on_one_port",
        "metrics_do_not_grow_with_urls",
    ],
    "routes are counted by path": ["metrics_do_not_grow_with_urls"],
    "any method is counted": ["metrics_do_not_grow_with_urls"],
    "no request id is kept": ["request_id_is_kept"],
    "any request id is kept": ["request_id_is_replaced"],
    "a malformed traceparent is refused": ["traceparent_is_taken"],
    "every origin is allowed": ["foreign_origins_are_refused"],
    "no origin is allowed": ["configured_origin_is_allowed"],
    "nothing is compressed": ["large_bodies_are_compressed"],
    "small bodies are compressed": ["small_bodies_are_not_compressed"],
    "OPTIONS tells no methods": ["options_tell_the_methods"],
    "HEAD is no method": ["head_is_answered_as_get"],
    "the API has no version": ["api_is_versioned"],
    "long bodies are read": ["large_bodies_are_refused"],
    "chunked bodies are read": ["large_chunked_bodies_are_refused"],
    "the limit of bodies is lower": ["bodies_below_the_limit_are_read"],
    "any content type is taken": ["other_content_types_are_refused"],
    "a merge patch is no JSON": ["json_content_types_are_taken"],
    "malformed JSON is a conflict": ["malformed_json_is_refused"],
    "deep JSON is an error": ["deep_json_is_refused", "no_answer_is_an_internal_error"],
    "unknown members are taken": [
        "unknown_fields_are_refused",
        "values_out_of_bounds_are_refused",
        "read_only_fields_are_refused",
        "no_answer_is_an_internal_error",
    ],
    "text counts as a number": ["values_of_another_type_are_refused"],
    "a quantity has no bound": ["values_out_of_bounds_are_refused"],
    "errors point nowhere": [
        "values_out_of_bounds_are_refused",
        "values_of_another_type_are_refused",
    ],
    "an order has 99 lines at most": ["values_at_their_bounds_are_taken"],
    "NUL is an error": ["hostile_values_do_no_harm", "no_answer_is_an_internal_error"],
    "a status can be sent": ["read_only_fields_are_refused"],
    "PATCH takes any member": ["read_only_fields_are_refused"],
    "an unknown path is a bad parameter": ["unknown_paths_are_not_found"],
    "an absent order is a conflict": [
        "unknown_orders_are_not_found",
        "hostile_values_do_no_harm",
        "other_orders_are_not_found",
        "admins_see_every_order",
    ],
    "405 tells no methods": ["unknown_methods_are_told_the_known"],
    "a code has no page": ["problems_are_documented"],
    "Location leads nowhere": ["creating_answers_where_it_is"],
    "ids are random": ["ids_and_times_have_their_form"],
    "times have no zone": ["ids_and_times_have_their_form"],
    "money is a float": ["money_is_exact"],
    "a reference is taken twice": ["references_are_unique"],
    "null changes nothing": ["patching_changes_what_it_names"],
    "cancelling goes on": ["cancelled_is_final"],
    "the deleted stay": ["deleted_is_gone", "admins_see_every_order"],
    "no event takes effect": ["events_take_effect_once"],
    "an event takes effect twice": ["events_take_effect_once"],
    "10 by default": ["lists_have_their_envelope"],
    "the oldest come first": ["lists_have_their_envelope", "walking_meets_each_once"],
    "any limit is taken": ["limits_are_bounded"],
    "any cursor is taken": ["foreign_cursors_are_refused"],
    "any status is asked for": ["senseless_filters_are_refused"],
    "the status is no filter": ["filters_find_what_fits"],
    "Link forgets the limit": ["link_leads_to_the_next_page"],
    "pages are counted": ["walking_meets_each_once"],
    "304 is never given": ["unchanged_is_not_sent_again"],
    "the account has no version": ["the_account_has_a_version"],
    "a change needs no version": ["changing_needs_a_version"],
    "any version is taken": ["changing_a_gone_version_is_refused", "no_change_is_lost"],
    "versions are compared too early": ["no_change_is_lost"],
    "a replay does not say so": ["the_first_answer_is_replayed", "duplicates_at_once_make_one"],
    "a key has any body": ["a_key_belongs_to_its_body"],
    "any key is taken": ["malformed_keys_are_refused"],
    "a key is kept after the effect": ["duplicates_at_once_make_one"],
    "keys are everybody's": ["keys_are_by_principal"],
    "unsigned webhooks are taken": ["every_signed_route_needs_a_signature"],
    "export is public": ["every_route_needs_a_token", "data_can_be_exported"],
    "orders are everybody's": ["other_orders_are_not_found"],
    "lists have everybody's orders": ["lists_have_own_orders_alone"],
    "everybody may list the users": ["members_are_no_admins"],
    "one registers with roles": ["roles_cannot_be_assigned"],
    "the hash is told": ["me_is_the_caller"],
    "the export is empty": ["data_can_be_exported"],
    "an unknown address is told": ["login_does_not_tell_who_exists"],
    "an unknown address is answered at once": ["login_does_not_tell_who_exists"],
    "any role exists": ["admins_manage_users"],
    "an admin sees its own alone": ["admins_see_every_order"],
    "login tells no token type": ["login_gives_tokens"],
    "the private key is published": ["public_keys_are_published"],
    "tokens live for a day": ["tokens_are_signed_by_a_published_key"],
    "unsigned tokens count": ["forged_tokens_are_refused"],
    "the public key counts as a secret": ["forged_tokens_are_refused"],
    "a token brings its own key": ["forged_tokens_are_refused"],
    "signatures are not checked": ["forged_tokens_are_refused"],
    "expiry is not checked": ["misissued_tokens_are_refused"],
    "audience is not checked": ["misissued_tokens_are_refused"],
    "a token counts in the query": ["tokens_count_in_their_place_alone"],
    "a refresh token gives access": ["token_kinds_are_apart"],
    "an access token refreshes": ["token_kinds_are_apart"],
    "a refresh token works twice": ["reused_refresh_tokens_revoke_their_family"],
    "reuse leaves the family alone": ["reused_refresh_tokens_revoke_their_family"],
    "logout forgets": ["logout_ends_the_session"],
    "the document is 3.0": ["document_is_openapi_3_1"],
    "there is no docs page": ["docs_page_is_served"],
    "a route is not documented": ["every_route_is_documented"],
    "operations share an id": ["operations_are_described"],
    "operations have no summary": ["operations_are_described"],
    "429 is not documented": ["errors_are_documented"],
    "409 is not documented": ["every_status_is_documented"],
    "bodies have no examples": ["bodies_have_examples"],
    "a reference dangles": ["references_lead_somewhere", "errors_are_documented"],
    "security is not documented": ["security_is_documented"],
    "problems have no timestamp": ["every_error_is_a_problem"],
    "problems are plain JSON": ["every_error_is_a_problem"],
    "details tell a class": ["no_error_tells_of_the_inside"],
    "problems have another request id": ["every_answer_has_a_request_id"],
    "no nosniff on errors": ["every_answer_has_security_headers"],
    "the server tells its version": ["every_answer_has_security_headers"],
    "errors may be cached": ["no_answer_is_cached_unasked"],
    "404 tells no budget": ["every_answer_tells_the_budget"],
    "the erased stay": ["the_caller_can_be_erased"],
    "any current password will do": ["passwords_can_be_changed"],
    "a new password ends no session": ["passwords_can_be_changed"],
    "the disabled log in": ["users_can_be_disabled"],
    "the disabled stay": ["users_can_be_disabled"],
    "failures are not counted": ["failed_logins_lock_one_account"],
    "failures lock the address": ["failed_logins_lock_one_account"],
    "the budget stays": [
        "the_budget_goes_down",
        "budgets_end",
        "made_up_addresses_get_no_budget",
    ],
    "login has the general budget": ["budgets_end"],
    "budgets have no end": ["budgets_end", "made_up_addresses_get_no_budget"],
    "X-Forwarded-For is believed": ["made_up_addresses_get_no_budget"],
}
"""What the reference can break, and the checks that must fail then."""


@pytest.mark.parametrize("auth", ["jwt", "none"])
@pytest.mark.parametrize("queue", [True, False])
def test_every_check_passes_on_a_service_that_keeps_the_contract(
    server: Server, auth: str, queue: bool
) -> None:
    server.app = Reference(auth, queue=queue)
    results = _run(server, selected([]))
    assert [result for result in results if result.verdict == "failed"] == []
    skipped = {result.detail for result in results if result.verdict == "skipped"}
    allowed = {
        "does not apply: the service has no accounts",
        "would take more than 1000 requests: 100000 are allowed",
    }
    assert skipped <= (allowed if auth == "none" else set())


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_rule_fails_its_checks_and_no_other_of_their_items(
    server: Server, broken: str
) -> None:
    server.app = Reference(broken=broken)
    failing = [name for name in BREAKS[broken] if name != "deleted_is_gone"]
    assert _failed(server, _of_the_items_of(failing)) == set(failing)


def test_what_is_deleted_must_be_gone_where_everybody_may_delete(server: Server) -> None:
    server.app = Reference(auth="none", broken="the deleted stay")
    assert _failed(server, selected(["API-1"])) == {"deleted_is_gone"}


def test_without_accounts_the_budget_of_the_address_ends(server: Server) -> None:
    server.app = Reference(auth="none", general_limit=100)
    checks = [check for check in CHECKS if check.name == "budgets_end"]
    assert [result.verdict for result in _run(server, checks)] == ["passed"]


def test_metrics_with_a_port_of_their_own_must_not_be_on_the_main_port(server: Server) -> None:
    server.app = Reference()
    elsewhere = f"{server.url}/metrics".replace("127.0.0.1", "localhost")
    options = replace(_options(server), metrics_url=elsewhere)
    checks = [check for check in CHECKS if check.name == "metrics_are_on_one_port"]
    results = asyncio.run(run(options, checks, notify=_expect_no_wait))
    assert [result.verdict for result in results] == ["failed"]


def test_a_confirmed_order_without_a_queue_fails(server: Server) -> None:
    server.app = Reference()
    # The document and the metrics of a service without one.
    server.app.tells_of_queue = False
    assert _failed(server, selected(["REL-4"])) == {"events_take_effect_once"}


def test_every_check_is_seen_to_fail() -> None:
    assert {check.name for check in CHECKS} == {name for names in BREAKS.values() for name in names}


def test_every_rule_that_the_reference_can_break_is_tried() -> None:
    source = inspect.getsource(reference)
    rules = re.findall(r'(?:breaks\(\s*|^ +\()"([^"…]+)"', source, re.MULTILINE)
    choices = re.findall(r'"([^"]+)" if listed else "([^"]+)"', source)
    known = {*BREAKS, *(rule for pair in choices for rule in pair)}
    assert {rule for rule in rules if " " in rule} <= known


def _of_the_items_of(names: Sequence[str]) -> list[Check]:
    return selected([check.id for check in CHECKS if check.name in names])


def _failed(server: Server, checks: Sequence[Check]) -> set[str]:
    return {result.check.name for result in _run(server, checks) if result.verdict == "failed"}


def _run(server: Server, checks: Sequence[Check]) -> list[Result]:
    return asyncio.run(run(_options(server), checks, notify=_expect_no_wait))


def _options(server: Server) -> Options:
    email, password = ADMIN
    return Options(
        server.url,
        rows=30,
        settle=0.5,
        admin_email=email,
        admin_password=password,
        cors_origin=ALLOWED_ORIGIN,
        signing_key=SIGNING_KEY_PEM,
    )


def _expect_no_wait(text: Any) -> None:
    raise AssertionError(text)
