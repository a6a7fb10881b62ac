"""Who may open the event stream, what its answer looks like, what it keeps open."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.live import bus, services
from crm_app.live.hub import Hub, _Process, hub
from crm_app.live.messages import OFFICE, channel_of, missed

ClientOf = Callable[[User], FlaskClient]


def opened(client: FlaskClient, **headers: str) -> TestResponse:
    """Open the stream as a browser does, without reading it to its end."""
    return client.get("/live", headers={"Accept": "text/event-stream", **headers}, buffered=False)


@pytest.fixture(autouse=True)
def _clean_bus(app: Flask) -> None:
    bus.client().flushdb()


@pytest.mark.parametrize("accepts", ["text/event-stream", "*/*", "text/html"])
def test_it_refuses_an_anonymous_visitor(visitor: FlaskClient, accepts: str) -> None:
    assert visitor.get("/live", headers={"Accept": accepts}).status_code == 401


def test_it_refuses_a_disabled_user(client_of: ClientOf, bob: User) -> None:
    client = client_of(bob)
    bob.active = False
    db.session.commit()
    assert opened(client).status_code == 401


def test_it_streams_to_the_signed_in_user_whatever_the_address_says(
    client_of: ClientOf, bob: User, dora: User
) -> None:
    answer = client_of(bob).get(f"/live?channel={channel_of(dora.id)}", buffered=False)
    chunks = answer.iter_encoded()
    opening = next(chunks)
    services.tell([dora.id], {"call": 1})
    services.tell([bob.id], {"call": 2})
    following = next(chunks)
    answer.close()
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert b"retry:" in opening
    assert following.startswith(b'data:{"call":2}\nid:')


def test_it_replays_what_a_browser_missed(client_of: ClientOf, bob: User) -> None:
    for number in range(3):
        services.tell([bob.id], {"call": number})
    [(first, _), *_rest] = missed(bus.client(), channel_of(bob.id), (0, 0))

    answer = opened(client_of(bob), **{"Last-Event-ID": first})
    opening = next(answer.iter_encoded())
    answer.close()

    assert b'{"call":0}' not in opening
    assert opening.index(b'{"call":1}') < opening.index(b'{"call":2}')


def test_it_starts_from_now_when_the_last_number_is_nonsense(
    client_of: ClientOf, bob: User
) -> None:
    services.tell([bob.id], {"call": 1})
    answer = opened(client_of(bob), **{"Last-Event-ID": "(0; DROP"})
    assert b"call" not in next(answer.iter_encoded())
    answer.close()


def test_it_holds_no_database_connection_while_it_streams(client_of: ClientOf, bob: User) -> None:
    client = client_of(bob)
    db.session.remove()
    answer = opened(client)
    next(answer.iter_encoded())
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    answer.close()


def test_it_forgets_a_stream_that_was_closed(client_of: ClientOf, bob: User) -> None:
    before = len(hub())
    answer = opened(client_of(bob))
    assert len(hub()) == before + 1
    answer.close()
    assert len(hub()) == before


def test_it_ends_the_streams_of_a_user_who_signs_out(client_of: ClientOf, bob: User) -> None:
    answer = opened(client_of(bob))
    chunks = answer.iter_encoded()
    next(chunks)
    client_of(bob).post("/logout")
    assert list(chunks) == []
    answer.close()


@pytest.mark.parametrize(("workers", "kept"), [(1, 10), (2, 5), (64, 1)])
def test_one_user_holds_ten_streams_at_most_in_all_processes(
    app: Flask,
    client_of: ClientOf,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    kept: int,
) -> None:
    settings: Config = app.extensions["settings"]
    changed = settings.model_copy(update={"web_workers": workers})
    monkeypatch.setitem(app.extensions, "settings", changed)
    # Streams that other tests left behind, of users with the same number, count in theirs.
    monkeypatch.setattr(_Process, "hub", Hub())
    client = client_of(bob)
    answers = [opened(client) for _ in range(kept + 3)]
    bodies = [answer.iter_encoded() for answer in answers]
    assert len(hub()) == kept
    for body in bodies[:3]:
        assert len(list(body)) == 1  # what it began with, and then its end
    services.tell([bob.id], {"call": 1})
    for body in bodies[3:]:
        assert [b'{"call":1}' in next(body) for _ in range(2)] == [False, True]
    for answer in answers:
        answer.close()
    assert len(hub()) == 0
    hub().stop()


def opening_of(client: FlaskClient) -> bytes:
    """Read what a new stream begins with."""
    # Each request has a session of its own.
    db.session.remove()
    answer = opened(client)
    chunk: bytes = next(answer.iter_encoded())
    answer.close()
    return chunk


def test_a_page_that_has_just_come_hears_of_the_call_that_changed_meanwhile(
    client_of: ClientOf, bob: User
) -> None:
    client = client_of(bob)
    services.tell([OFFICE], {"log": 1})
    services.tell([OFFICE], {"log": 2})
    assert opening_of(client).count(b'{"log":') == 1
    assert b'{"log":2}' in opening_of(client)
    # The bus counts by the machine's clock, which is up to a minute ahead of that of a test.
    with time_machine.travel(clock.now() + timedelta(seconds=71)):
        assert b"log" not in opening_of(client)


def test_a_restricted_agent_hears_of_no_call_but_their_own(
    client_of: ClientOf, alice: User, bob: User
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    manager, agent = client_of(alice), client_of(bob)
    services.tell([OFFICE], {"log": 1})
    assert b"log" in opening_of(manager)
    assert b"log" not in opening_of(agent)


def test_a_change_of_permissions_ends_the_streams_of_all_who_hear_of_every_call(
    client_of: ClientOf, alice: User, bob: User
) -> None:
    agent, administrator = client_of(bob), client_of(alice)
    answer = opened(agent)
    chunks = answer.iter_encoded()
    next(chunks)
    saved = administrator.post(
        "/people/rights", data={"name": "", "restricts_agents": "y", "bin_days": "90",
                                "second_factor_for": "nobody"},
    )  # fmt: skip
    assert saved.status_code == 303
    assert list(chunks) == []
