"""What the webhook takes, refuses and keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.config import Config
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import inbox
from crm_app.telephony.webhook.receiver import MAX_BODY_BYTES, WebhookReceiver
from crm_app.telephony.webhook.verification import is_allowed_sender
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.telephony.conftest import SECRET, Post, set_switches, start_fields

VECTORS = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "zadarma" / "vectors.json").read_text("utf-8")
)
MISSING_REQUIRED = {"wh-32-answer-missing-all"}
NOT_CALLS = {"SMS", "NUMBER_LOOKUP", "CALL_TRACKING"}


def facts() -> int:
    """Count the facts on disk."""
    return db.session.scalar(select(func.count(CallFact.id))) or 0


@pytest.mark.parametrize("vector", VECTORS["zd_echo"], ids=lambda vector: vector["query"] or "none")
def test_it_repeats_the_echo_byte_for_byte(
    app: Flask, visitor: FlaskClient, vector: dict[str, Any]
) -> None:
    answer = visitor.get(f"/zadarma?{vector['query']}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if vector["expected_body"] is not None:
        assert answer.data == vector["expected_body"].encode()


def test_it_repeats_bytes_that_are_no_text(app: Flask, visitor: FlaskClient) -> None:
    assert visitor.get("/zadarma?zd_echo=%ff%00%C3").data == b"\xff\x00\xc3"


def test_it_repeats_only_a_short_text(app: Flask, visitor: FlaskClient) -> None:
    assert visitor.get("/zadarma?zd_echo=" + "a" * 300).status_code == 400


@pytest.mark.parametrize("vector", VECTORS["webhooks"], ids=lambda vector: vector["id"])
def test_it_takes_every_signed_notification(
    connected: Flask, visitor: FlaskClient, vector: dict[str, Any]
) -> None:
    answer = _post_vector(visitor, vector)
    is_refused = vector["id"] in MISSING_REQUIRED
    assert answer.status_code == (403 if is_refused else 200)
    is_call = vector["event"] not in NOT_CALLS and not is_refused
    assert (facts() > 0) == is_call


@pytest.mark.parametrize("vector", VECTORS["webhooks_negative"], ids=lambda vector: vector["id"])
def test_it_refuses_every_wrong_signature_and_stores_nothing(
    post: Post, vector: dict[str, Any]
) -> None:
    # An empty header is what the fixture would replace by the right one.
    answer = post(vector["fields"], signature=vector["signature"] or " ")
    assert answer.status_code == 403
    assert facts() == 0


def test_it_refuses_a_missing_signature(post: Post) -> None:
    assert post(start_fields(), signature=None).status_code == 403
    assert facts() == 0


def test_it_refuses_everything_while_there_are_no_keys(app: Flask, visitor: FlaskClient) -> None:
    app.extensions["telephony_links"].forget()
    fields = start_fields()
    for secret in ("", SECRET):
        headers = {"Signature": sign_webhook(fields, secret)}
        assert visitor.post("/zadarma", data=fields, headers=headers).status_code == 403
    assert facts() == 0


def test_it_notices_a_changed_secret_at_once(
    connected: Flask, visitor: FlaskClient, key: str
) -> None:
    fields = start_fields()
    new = {"Signature": sign_webhook(fields, "ffffffffffffffffffff")}
    assert visitor.post("/zadarma", data=fields, headers=new).status_code == 403
    # Another process saves: this one is not told.
    services.save_keys(key, "ffffffffffffffffffff", connected.extensions["vault"])
    db.session.commit()
    assert visitor.post("/zadarma", data=fields, headers=new).status_code == 200


def test_it_takes_multipart_and_a_body_without_a_type(
    connected: Flask, visitor: FlaskClient
) -> None:
    for turn, content_type in enumerate(("multipart/form-data", "")):
        fields = start_fields(pbx_call_id=f"in_{turn:040}")
        headers = {"Signature": sign_webhook(fields, SECRET)}
        if content_type:
            answer = visitor.post(
                "/zadarma", data=fields, headers=headers, content_type=content_type
            )
        else:
            body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in fields.items())
            answer = visitor.post("/zadarma", data=body, headers=headers)
        assert answer.status_code == 200
    assert facts() == 2


def test_it_acknowledges_what_nobody_knows(post: Post) -> None:
    assert post(start_fields(event="NOTIFY_SOMETHING")).status_code == 200
    assert facts() == 0


@pytest.mark.parametrize("event", ["SPEECH_RECOGNITION", "DOCUMENT"])
def test_it_acknowledges_kinds_that_are_never_signed(post: Post, event: str) -> None:
    assert post({"event": event, "result": "{}"}, signature=None).status_code == 200
    assert facts() == 0


def test_an_unknown_kind_cannot_smuggle_a_call_past_the_signature(post: Post) -> None:
    for event in ("NOTIFY_START ", " NOTIFY_ANSWER", "SPEECH_RECOGNITION\0"):
        post(start_fields(event=event), signature=None)
    assert facts() == 0


@pytest.mark.parametrize(
    "event", ["NOTIFY_START\x01", " NOTIFY_OUT_START", "NOTIFY_RECORD\t", "NOTIFY_END"]
)
def test_the_signature_of_a_text_message_cannot_smuggle_a_call(post: Post, event: str) -> None:
    message = {"event": "SMS", "result": '{"caller_id":"+351910000042","text":"hello"}'}
    taken = sign_webhook(message, SECRET)
    assert post(message, signature=taken).status_code == 200
    call = start_fields(event=event, destination="351919999999", call_id_with_rec="1.1")
    assert post(call | {"result": message["result"]}, signature=taken).status_code == 403
    assert facts() == 0


def test_what_is_too_much_of_one_call_is_kept_and_acknowledged(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MOST_FACTS", 3)
    ends = [
        start_fields(event="NOTIFY_END", disposition="answered", duration=f"{seconds}")
        for seconds in range(6)
    ]
    assert [post(fields).status_code for fields in ends] == [200] * 6
    assert facts() == 3
    kept = db.session.scalars(select(UnreadableRequest.reason)).all()
    assert kept == ["CallIsFullError"] * 3


def test_a_number_longer_than_any_is_cut_on_every_database(post: Post) -> None:
    endless = {"caller_id": "9" * 60, "called_did": "8" * 60}
    assert post(start_fields(**endless)).status_code == 200
    call = db.session.scalars(select(Call)).one()
    assert (call.outside_number, call.did) == ("+" + "9" * 39, "+" + "8" * 39)


def test_a_colleague_rings_whom_only_the_destination_names(post: Post) -> None:
    bob = make_user("Bob", extension="101")
    fields = start_fields(event="NOTIFY_INTERNAL", internal="", destination="101")
    db.session.commit()
    assert post(fields).status_code == 200
    (leg,) = db.session.scalars(select(Call)).one().legs
    assert (leg.extension, leg.user_id, leg.rang_at is None) == ("101", bob.id, False)


def test_it_keeps_what_it_cannot_understand(post: Post, visitor: FlaskClient) -> None:
    body = b"\x00\xff this is no form"
    assert visitor.post("/zadarma", data=body, content_type="text/weird").status_code == 200
    kept = db.session.scalars(select(UnreadableRequest)).one()
    assert (kept.body, kept.content_type) == (body, "text/weird")
    assert kept.reason


def test_it_keeps_a_signed_call_event_without_a_call_id(post: Post) -> None:
    assert post(start_fields(pbx_call_id="")).status_code == 200
    assert db.session.scalar(select(func.count(UnreadableRequest.id))) == 1


def test_it_keeps_only_the_newest_unreadable_bodies(
    post: Post, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_KEPT_REQUESTS", 3)
    for number in range(6):
        visitor.post("/zadarma", data=f"nonsense {number}".encode() + b"x" * 20_000)
    kept = db.session.scalars(select(UnreadableRequest).order_by(UnreadableRequest.id)).all()
    assert [request.body[:10] for request in kept] == [b"nonsense 3", b"nonsense 4", b"nonsense 5"]
    assert all(len(request.body) == inbox.MAX_KEPT_BYTES for request in kept)


def test_it_refuses_a_huge_body_without_reading_it(connected: Flask, visitor: FlaskClient) -> None:
    assert visitor.post("/zadarma", data=b"a" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_it_takes_a_signed_event_with_many_odd_fields(post: Post) -> None:
    odd = {f"field{number}": "x" * 1000 for number in range(100)}
    assert post(start_fields(**odd, caller_id="anonymous\0\ud800")).status_code == 200
    assert facts() == 1


def test_it_wants_the_secret_tail_once_there_is_one(
    connected: Flask, post: Post, visitor: FlaskClient
) -> None:
    assert post(start_fields(), path="/zadarma/guessed").status_code == 403
    token = services.renew_token()
    db.session.commit()
    connected.extensions["telephony_links"].forget()
    assert post(start_fields()).status_code == 403
    assert visitor.get("/zadarma?zd_echo=1").status_code == 404
    assert visitor.get(f"/zadarma/{token}?zd_echo=1").data == b"1"
    assert post(start_fields(), path=f"/zadarma/{token}").status_code == 200


def test_only_the_networks_of_the_pbx_may_post(
    connected: Flask, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Config = connected.extensions["settings"]
    limited = settings.model_copy(update={"webhook_allowed_networks": Config(
        _env_file=None, webhook_allowed_networks="185.45.152.40/30"  # type: ignore[call-arg]
    ).webhook_allowed_networks})  # fmt: skip
    monkeypatch.setitem(connected.extensions, "webhook_receiver", _receiver(connected, limited))
    fields = start_fields()
    headers = {"Signature": sign_webhook(fields, SECRET)}
    for address, expected in (("185.45.152.43", 200), ("185.45.152.44", 403), ("::1", 403)):
        answer = visitor.post(
            "/zadarma", data=fields, headers=headers, environ_base={"REMOTE_ADDR": address}
        )
        assert answer.status_code == expected, address
    assert is_allowed_sender("::ffff:185.45.152.40", limited)
    assert not is_allowed_sender("nonsense", limited)


def test_an_unsigned_unknown_event_is_taken_only_from_the_networks_of_the_pbx(
    connected: Flask, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = start_fields(event="NOTIFY_SOMETHING")
    assert post(fields, signature=None).status_code == 403
    limited = connected.extensions["settings"].model_copy(
        update={"webhook_allowed_networks": Config(
            _env_file=None, webhook_allowed_networks="127.0.0.0/8"  # type: ignore[call-arg]
        ).webhook_allowed_networks}
    )  # fmt: skip
    monkeypatch.setitem(connected.extensions, "webhook_receiver", _receiver(connected, limited))
    assert post(fields, signature=None).status_code == 200


def test_the_name_of_a_known_caller_goes_to_the_phones(post: Post) -> None:
    make_contact("Ana Sousa", phones=("+351910000042",))
    assert post(start_fields()).get_json() == {"caller_name": "Ana Sousa"}
    assert post(start_fields(caller_id="", pbx_call_id="in_hidden")).get_json() == {}


def test_no_name_goes_to_the_phones_when_that_is_switched_off(connected: Flask, post: Post) -> None:
    make_contact("Ana Sousa", phones=("+351910000042",))
    set_switches(connected, caller_name="off")
    assert post(start_fields()).get_json() == {}


def test_a_fact_is_on_disk_before_the_answer(post: Post) -> None:
    post(start_fields())
    with db.engine.connect() as other:
        assert other.execute(select(func.count(CallFact.id))).scalar() == 1


def test_the_same_notification_is_stored_once(post: Post) -> None:
    fields = start_fields()
    assert [post(fields).status_code for _ in range(3)] == [200, 200, 200]
    assert facts() == 1


def test_a_call_of_another_day_is_stored_and_rings_nobody(
    post: Post, client_of: Callable[..., FlaskClient]
) -> None:
    make_user("Bob", extension="101")
    old = start_fields(call_start="2020-01-01 10:00:00")
    assert post(old).status_code == 200
    assert post(old | {"event": "NOTIFY_INTERNAL", "internal": "101"}).status_code == 200
    call = db.session.scalars(select(Call)).one()
    assert not call.is_live
    stored = db.session.scalars(select(CallFact.kind).order_by(CallFact.id)).all()
    assert {"started", "rang"} <= set(stored)


def test_an_account_with_another_clock_still_rings(post: Post) -> None:
    with time_machine.travel("2026-03-02 09:15:07+00:00", tick=False):
        assert post(start_fields(call_start="2026-03-02 23:15:07")).status_code == 200
        assert db.session.scalars(select(Call)).one().is_live


def test_what_can_be_kept_nowhere_asks_the_pbx_to_come_again(
    connected: Flask, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("away"))

    folder: Path = connected.extensions["settings"].data_dir / "spool"
    folder.write_text("no folder can be made here")
    monkeypatch.setattr(inbox, "store", away)
    answer = post(start_fields())
    folder.unlink()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_what_we_stumble_over_is_kept_and_acknowledged(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(inbox, "store", stumble)
    assert post(start_fields()).status_code == 200
    assert db.session.scalars(select(UnreadableRequest)).one().reason == "RuntimeError"


def _receiver(app: Flask, settings: Config) -> WebhookReceiver:
    return WebhookReceiver(
        settings, app.extensions["telephony_links"], db.engine, app.extensions["security_refusals"]
    )


def _post_vector(visitor: FlaskClient, vector: dict[str, Any]) -> Any:
    headers = {"Signature": vector["signature"]}
    if vector["channel"] == "events":
        return visitor.post(
            "/zadarma", data=vector["fields"], headers=headers, content_type="multipart/form-data"
        )
    return visitor.post(
        "/zadarma",
        data=vector["body_urlencoded"],
        headers=headers,
        content_type="application/x-www-form-urlencoded",
    )
