"""/metrics: figures for a watching program, and for nobody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.extensions import db
from crm_app.health import migrations

TOKEN = "a-token-that-nobody-guesses"
RANG_AT = datetime(2026, 9, 15, 9, 20, tzinfo=UTC)


@pytest.fixture
def with_token(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application whose figures a watching program may read."""
    settings = app.extensions["settings"].model_copy(update={"metrics_token": TOKEN})
    monkeypatch.setitem(app.extensions, "settings", settings)
    return app


def figures(client: FlaskClient, **headers: str) -> dict[str, float]:
    """Read all figures, by name and part."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        "".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_it_counts_calls_facts_and_people(
    with_token: Flask,
    visitor: FlaskClient,
    bob: User,
    carol: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "state", lambda _connection: migrations.State.CURRENT)
    fact = Fact(FactKind.STARTED, "in_1", RANG_AT, caller="+351912345678", did="+351210000001")
    with db.engine.begin() as connection:
        record(connection, fact, "event=NOTIFY_START")
        record(connection, replace(fact, kind=FactKind.ENDED, pbx_call_id="in_2"), "event=…")
    told = figures(visitor, Authorization=f"Bearer {TOKEN}")
    assert told["ramal_calls_live"] == 1
    # PostgreSQL counts on from where the tests before this one stopped.
    assert told["ramal_call_facts"] >= 2
    assert told["ramal_users_enabled"] == 2
    assert told["ramal_last_notification_timestamp_seconds"] == RANG_AT.timestamp()
    assert told["ramal_unreadable_notifications"] == 0


def test_it_tells_which_part_is_not_ready(with_token: Flask, visitor: FlaskClient) -> None:
    told = figures(visitor, Authorization=f"Bearer {TOKEN}")
    # The tables of a test have not been made by migrations.
    assert (told["ramal_readydatabase"], told["ramal_readymigrations"]) == (1, 0)


def test_it_names_nobody_and_no_number(with_token: Flask, visitor: FlaskClient, bob: User) -> None:
    text = visitor.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert bob.name not in text
    assert "+351" not in text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer é"])
def test_it_refuses_whoever_has_not_the_token(
    with_token: Flask, visitor: FlaskClient, header: str
) -> None:
    answer = visitor.get("/metrics", headers={"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "ramal_" not in answer.text


def test_it_needs_an_administrator_where_no_token_is_set(
    app: Flask,
    client_of: Callable[[User], FlaskClient],
    alice: User,
    bob: User,
    visitor: FlaskClient,
) -> None:
    assert visitor.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert client_of(bob).get("/metrics").status_code == 401
    assert "ramal_readydatabase" in figures(client_of(alice))
