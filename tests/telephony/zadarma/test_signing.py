"""Signatures, against those made by the provider's own clients."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from crm_app.telephony.zadarma.events import name_of
from crm_app.telephony.zadarma.signing import (
    authorization,
    has_signature_rule,
    is_known_event,
    params_string,
    sign_request,
    sign_webhook,
    verify_webhook,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "zadarma" / "vectors.json").read_text("utf-8")
)
KEY = VECTORS["credentials"]["key"]
SECRET = VECTORS["credentials"]["secret"]
LACKING = "wh-32-answer-missing-all"


def named(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["id"]) for vector in VECTORS[kind]]


def webhook(vector_id: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS["webhooks"] if vector["id"] == vector_id)


@pytest.mark.parametrize("vector", named("api_auth"))
def test_it_signs_requests_like_the_official_clients(vector: dict[str, Any]) -> None:
    assert params_string(vector["params"]) == vector["params_string"]
    assert sign_request(vector["path"], vector["params"], SECRET) == vector["signature"]
    made = authorization(KEY, SECRET, vector["path"], vector["params"])
    assert made == vector["authorization"]


@pytest.mark.parametrize("vector", named("encoding_divergences"))
def test_it_encodes_like_php_where_encoders_differ(vector: dict[str, Any]) -> None:
    assert vector["expected"] == "php"
    assert params_string(vector["params"]) == vector["php_params_string"]


@pytest.mark.parametrize("vector", named("webhooks"))
def test_it_signs_notifications_like_the_official_client(vector: dict[str, Any]) -> None:
    fields = dict(parse_qsl(vector["body_urlencoded"], keep_blank_values=True))
    assert sign_webhook(fields, SECRET) == vector["signature"]
    expected = vector["id"] != LACKING
    assert verify_webhook(fields, vector["signature"], SECRET) is expected


@pytest.mark.parametrize("vector", named("webhooks_negative"))
def test_it_refuses_what_the_official_client_refuses(vector: dict[str, Any]) -> None:
    assert not verify_webhook(vector["fields"], vector["signature"], SECRET)


@pytest.mark.parametrize("vector", named("webhooks_blind_spots"))
def test_it_accepts_changes_that_no_signature_covers(vector: dict[str, Any]) -> None:
    base = webhook(vector["base"])
    assert verify_webhook({**base["fields"], **vector["changed"]}, base["signature"], SECRET)


@pytest.mark.parametrize("vector", VECTORS["webhooks_without_rule"], ids=lambda v: v["event"])
def test_it_never_vouches_for_an_event_without_a_rule(vector: dict[str, Any]) -> None:
    fields = {"event": vector["event"], "result": "{}"}
    assert not has_signature_rule(vector["event"])
    assert not verify_webhook(fields, sign_webhook(fields, SECRET), SECRET)


def test_it_knows_which_events_are_published() -> None:
    names = {
        vector["event"]
        for kind in ("webhooks", "webhooks_without_rule")
        for vector in VECTORS[kind]
    }
    assert all(is_known_event(name) for name in names)
    assert not is_known_event("NOTIFY_SOMETHING")
    assert not is_known_event("")


@pytest.mark.parametrize("missing", ["pbx_call_id", "call_id_with_rec"])
def test_it_refuses_a_recording_notice_that_lacks_an_id(missing: str) -> None:
    fields = {**webhook("wh-21-record")["fields"], missing: ""}
    assert not verify_webhook(fields, sign_webhook(fields, SECRET), SECRET)


def test_it_signs_an_unknown_event_as_one_of_a_call() -> None:
    fields = {"event": "NOTIFY_SOMETHING", "call_start": "2026-03-02 09:15:07"}
    assert verify_webhook(fields, sign_webhook(fields, SECRET), SECRET)


@pytest.mark.parametrize("name", ["NOTIFY_START\x01", " NOTIFY_OUT_START", "NOTIFY_\x00END", "X"])
def test_the_signature_of_a_message_proves_nothing_else(name: str) -> None:
    message = next(v["fields"] for v in VECTORS["webhooks"] if v["event"] == "SMS")
    call = {"event": name, "call_start": "2026-03-02 09:15:07", "caller_id": "+351910000042"}
    stolen = sign_webhook(message, SECRET)
    assert verify_webhook(message, stolen, SECRET)
    assert not verify_webhook({**call, "result": message["result"]}, stolen, SECRET)


@pytest.mark.parametrize("name", ["NOTIFY_START\x01", " NOTIFY_OUT_START", "NOTIFY_\x00RECORD"])
def test_a_name_that_is_read_as_another_is_signed_as_that_other(name: str) -> None:
    told = {"call_start": "2026-03-02 09:15:07", "internal": "101", "destination": "351910000042"}
    told |= {"pbx_call_id": "in_1", "call_id_with_rec": "1.1"}
    plain = {"event": name_of({"event": name}), **told}
    assert plain["event"] != name
    assert sign_webhook({"event": name, **told}, SECRET) == sign_webhook(plain, SECRET)


@pytest.mark.parametrize("signature", [None, "", "é", "\ud800"])
def test_it_refuses_signatures_that_are_none(signature: str | None) -> None:
    assert not verify_webhook(webhook("wh-01-start")["fields"], signature, SECRET)


def test_it_refuses_everything_while_there_is_no_secret() -> None:
    fields = webhook("wh-01-start")["fields"]
    assert not verify_webhook(fields, sign_webhook(fields, ""), "")


def test_it_survives_text_that_is_not_unicode() -> None:
    fields = {"event": "NOTIFY_START", "caller_id": "\ud800", "call_start": "x"}
    assert verify_webhook(fields, sign_webhook(fields, SECRET), SECRET)
    assert params_string({"a": "\ud800"}) == "a=%ED%A0%80"
