"""A session is a row on the server, and its end is an end for all copies of its cookies."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock, database
from crm_app.accounts import services
from crm_app.accounts.models import BrowserSession, User
from crm_app.accounts.sessions import browsers
from crm_app.accounts.sessions import services as sessions
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.serving import jobs
from tests.owed import perform
from tests.questions import questions

PASSWORD = "tres tigres tristes"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
STREAM = {"Accept": "text/event-stream"}
NEW_PASSWORD = "comeram três pratos"

ClientOf = Callable[[User], FlaskClient]


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


@pytest.fixture
def traveller() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def browser(app: Flask, eva: User) -> FlaskClient:
    return signed_in(app, eva)


def signed_in(app: Flask, user: User, *, stays: bool = True, agent: str = FIREFOX) -> FlaskClient:
    browser = app.test_client()
    data = {"email": user.email, "password": PASSWORD} | ({"remember": "y"} if stays else {})
    answer = browser.post("/login", data=data, headers={"User-Agent": agent})
    assert answer.status_code == 303
    return browser


def copy_of(app: Flask, browser: FlaskClient, *names: str) -> FlaskClient:
    """Another browser with the same cookies."""
    thief = app.test_client()
    for name in names or ("session", "remember_token"):
        cookie = browser.get_cookie(name)
        assert cookie is not None, name
        thief.set_cookie(name, cookie.value)
    return thief


def is_in(browser: FlaskClient) -> bool:
    # All requests of a test share one session of the database, in which the last may still write.
    db.session.rollback()
    return browser.get("/account").status_code == 200


def text_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie("remember_token")
    return cookie.value if cookie else ""


def reopened(browser: FlaskClient) -> FlaskClient:
    """Close the browser and open it again: the cookie without a date is gone."""
    browser.delete_cookie("session")
    return browser


def rows() -> list[BrowserSession]:
    db.session.rollback()
    with database.reading():
        return list(db.session.scalars(db.select(BrowserSession).order_by(BrowserSession.id)))


@pytest.mark.parametrize("name", ["session", "remember_token"])
def test_a_cookie_copied_before_the_sign_out_is_dead_after_it(
    app: Flask, browser: FlaskClient, name: str
) -> None:
    thief, listener = copy_of(app, browser, name), copy_of(app, browser, name)
    assert is_in(copy_of(app, browser, name))
    db.session.rollback()
    browser.post("/logout")
    assert not is_in(thief)
    assert listener.get("/live", headers=STREAM).status_code == 401
    assert browser.get_cookie("remember_token") is None


def test_signing_out_ends_this_browser_only(app: Flask, browser: FlaskClient, eva: User) -> None:
    other = signed_in(app, eva)
    browser.post("/logout")
    assert is_in(other)
    assert is_in(reopened(other))


def test_the_database_keeps_nothing_that_a_cookie_holds(browser: FlaskClient) -> None:
    with browser.session_transaction() as session:
        token = session["_user_id"]
    (row,) = rows()
    kept = " ".join(str(getattr(row, column.name)) for column in BrowserSession.__table__.columns)
    for part in (token, *text_of(browser).split(".")):
        assert len(part) > 40
        assert part not in kept


def test_a_browser_that_stays_signed_in_has_another_text_at_every_sign_in(
    app: Flask, eva: User
) -> None:
    assert len({text_of(signed_in(app, eva)) for _ in range(3)}) == 3
    assert text_of(signed_in(app, eva, stays=False)) == ""


@pytest.mark.parametrize("stays", [True, False])
def test_nobody_stays_signed_in_in_a_browser_where_the_next_person_did_not_choose_it(
    app: Flask, eva: User, browser: FlaskClient, stays: bool
) -> None:
    browser.delete_cookie("session")
    data = {"email": eva.email, "password": PASSWORD} | ({"remember": "y"} if stays else {})
    old = text_of(browser)
    browser.post("/logout")
    browser.set_cookie("remember_token", old)
    browser.post("/login", data=data)
    assert (text_of(browser) != "") is stays
    assert text_of(browser) != old


@pytest.mark.parametrize(
    ("stays", "idle", "lives"),
    [
        (False, timedelta(hours=11, minutes=58), True),
        (False, timedelta(hours=12, minutes=1), False),
        (True, timedelta(days=29, hours=23), True),
        (True, timedelta(days=30, minutes=1), False),
    ],
)
def test_an_idle_session_ends(
    app: Flask,
    eva: User,
    traveller: time_machine.Traveller,
    stays: bool,
    idle: timedelta,
    lives: bool,
) -> None:
    browser = signed_in(app, eva, stays=stays)
    traveller.shift(idle)
    assert is_in(browser) is lives
    assert is_in(reopened(browser)) is (lives and stays)


@pytest.mark.parametrize("stays", [True, False])
def test_a_session_in_daily_use_ends_after_ninety_days(
    app: Flask, eva: User, traveller: time_machine.Traveller, stays: bool
) -> None:
    browser = signed_in(app, eva, stays=stays)
    for _ in range(89 * (1 if stays else 3)):
        traveller.shift(timedelta(hours=24 if stays else 8))
        assert is_in(browser)
    traveller.shift(timedelta(hours=11, minutes=59))
    assert is_in(browser)
    traveller.shift(timedelta(hours=11, minutes=59))
    assert is_in(browser)
    traveller.shift(timedelta(minutes=3))
    assert not is_in(browser)
    assert not is_in(reopened(browser))


def test_what_a_page_asks_by_itself_keeps_no_session_alive(
    app: Flask, eva: User, traveller: time_machine.Traveller
) -> None:
    browser = signed_in(app, eva, stays=False)
    for _ in range(13):
        traveller.shift(timedelta(hours=1))
        browser.get("/calls/tray", headers={"HX-Request": "true"})
        browser.get("/telephony/dials", headers={"HX-Request": "true"})
        browser.get("/calls/tray?open=1", headers={"HX-Request": "true"})
        browser.get("/telephony/missing-events", headers={"HX-Request": "true"})
        browser.get("/live", headers=STREAM, buffered=False).close()
    assert not is_in(browser)


def test_fifty_pages_write_at_most_once(
    app: Flask, eva: User, traveller: time_machine.Traveller
) -> None:
    browser = signed_in(app, eva)
    is_in(browser)
    traveller.shift(timedelta(minutes=2))
    with questions() as asked:
        for _ in range(50):
            assert is_in(browser)
    assert [text.split()[0] for text in asked].count("UPDATE") == 1
    assert all(text.split()[0] in {"SELECT", "UPDATE", "SET", "PRAGMA"} for text in asked)
    assert rows()[0].seen_at == clock.now()


def test_user_and_session_are_one_question(browser: FlaskClient) -> None:
    assert is_in(browser)
    db.session.rollback()
    with questions() as asked:
        assert browser.get("/telephony/dials").status_code in {200, 303}
    about = [text for text in asked if "browser_session" in text]
    assert len(about) == 1
    assert "fs_uniquifier" in about[0]


def test_a_page_waits_for_nobody_to_say_that_it_was_opened(
    app: Flask, eva: User, traveller: time_machine.Traveller
) -> None:
    browser = signed_in(app, eva)
    (row,) = rows()
    seen = row.seen_at
    traveller.shift(timedelta(minutes=2))
    with database.writing(), db.engine.connect() as writer, writer.begin():
        writer.execute(
            db.update(BrowserSession).where(BrowserSession.id == row.id).values(address="busy")
        )
        assert is_in(browser)
    assert rows()[0].seen_at == seen
    assert is_in(browser)
    assert rows()[0].seen_at == clock.now()


def test_the_text_of_a_browser_that_stays_is_new_after_each_use(
    app: Flask, browser: FlaskClient, traveller: time_machine.Traveller
) -> None:
    texts = {text_of(browser)}
    for _ in range(3):
        assert is_in(reopened(browser))
        texts.add(text_of(browser))
        traveller.shift(timedelta(hours=1))
    assert len(texts) == 4
    assert len(rows()) == 1


@pytest.mark.parametrize("uses", [1, 2])
def test_a_used_text_in_a_second_hand_ends_the_session_for_both(
    app: Flask,
    browser: FlaskClient,
    traveller: time_machine.Traveller,
    capsys: pytest.CaptureFixture[str],
    uses: int,
) -> None:
    thief = copy_of(app, browser, "remember_token")
    for _ in range(uses):
        assert is_in(reopened(browser))
        traveller.shift(timedelta(minutes=2))
    assert is_in(browser)
    assert not is_in(thief)
    assert not is_in(browser)
    assert not is_in(reopened(browser))
    assert rows()[0].end_reason == "stolen"
    assert text_of(thief) == ""


@pytest.mark.parametrize("forged", ["x", ".", "{}.", "{}.x", ".{}", "{}.{}", "a.b.c", "{}\x00"])
def test_a_forged_text_lets_nobody_in(app: Flask, browser: FlaskClient, forged: str) -> None:
    token = text_of(browser).partition(".")[0][::-1]
    stranger = app.test_client()
    stranger.set_cookie("remember_token", forged.replace("{}", token))
    assert not is_in(stranger)
    assert is_in(reopened(browser))


def test_tabs_that_a_browser_opens_at_once_do_not_sign_each_other_out(
    app: Flask, browser: FlaskClient
) -> None:
    tabs = [copy_of(app, browser, "remember_token") for _ in range(4)]
    start, answers = threading.Barrier(len(tabs)), []

    def open_tab(tab: FlaskClient) -> None:
        start.wait()
        answers.append(tab.get("/account"))

    # A thread has a context of its own, as a request has under the server.
    threads = [threading.Thread(target=open_tab, args=[tab]) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    (row,) = rows()
    assert row.ended_at is None
    # All have one secret of their forms, or the page of one could not send what it holds.
    secrets = set()
    for tab in tabs:
        with tab.session_transaction() as session:
            secrets.add(session["csrf_token"])
    assert len(secrets) == 1
    assert all(is_in(tab) for tab in tabs)
    renewed = {text_of(tab) for tab in tabs} - {text_of(browser)}
    assert len(renewed) == 1


def test_a_new_password_ends_a_session_that_begins_in_the_same_moment(
    app: Flask, eva: User
) -> None:
    late = sessions.begin(eva, browsers.device("", ""), is_remembered=False)[0]
    services.change_password(eva, "x", by=eva)
    db.session.commit()
    assert sessions.find(late.token) is None
    db.session.execute(db.update(BrowserSession).values(ended_at=None))
    db.session.commit()
    assert sessions.find(late.token) is None


def test_it_lists_where_one_is_signed_in_and_marks_this_browser(
    app: Flask, eva: User, browser: FlaskClient, alice: User, client_of: ClientOf
) -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile Safari/604.1"
    signed_in(app, eva, agent=phone)
    client_of(alice).get("/account")
    page = browser.get("/account/sessions").text
    own, other = re.findall(r"<li[^>]*data-session.*?</li>", page, re.DOTALL)
    assert "Firefox on Linux" in own
    assert "This browser" in own
    assert "stays signed in" in own
    assert "127.0.0.0/24" in own
    assert "/end" not in own
    assert "Safari on iPhone" in other
    assert "This browser" not in other
    assert "/end" in other
    assert "after 12 hours, or after 30 days" in page
    assert "/account/sessions" in browser.get("/account").text


def test_it_ends_one_session_of_ones_own_and_its_streams(
    app: Flask, eva: User, browser: FlaskClient
) -> None:
    other = signed_in(app, eva)
    channel = bus.client().pubsub()
    channel.psubscribe("ramal:live:*")
    assert channel.get_message(timeout=30)
    number = rows()[-1].id
    answer = browser.post(f"/account/sessions/{number}/end")
    assert answer.location == "/account/sessions"
    told = channel.get_message(timeout=30)
    assert told is not None
    assert told["data"] == b"bye"
    channel.close()
    assert not is_in(other)
    assert other.get("/live", headers=STREAM).status_code == 401
    assert not is_in(reopened(other))
    assert "Signed out there." in browser.get("/account/sessions").text


def test_nobody_ends_a_session_of_somebody_else(
    eva: User, browser: FlaskClient, alice: User, client_of: ClientOf
) -> None:
    admin = client_of(alice)
    admin.post(f"/account/sessions/{rows()[0].id}/end")
    admin.post("/account/sessions/end-others")
    assert is_in(browser)
    assert is_in(admin)


def test_it_ends_all_others(app: Flask, eva: User, browser: FlaskClient) -> None:
    others = [signed_in(app, eva) for _ in range(3)]
    browser.post("/account/sessions/end-others")
    assert "Signed out in 3 places." in browser.get("/account/sessions").text
    assert is_in(browser)
    assert not any(is_in(other) for other in others)


def test_old_sessions_are_ended_with_their_streams_and_forgotten_later(
    app: Flask, eva: User, traveller: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr(jobs, "close", closed.append)
    signed_in(app, eva, stays=False)
    signed_in(app, eva)
    perform("end_old_sessions")
    assert closed == []
    traveller.shift(timedelta(hours=13))
    perform("end_old_sessions")
    assert closed == [eva.id]
    assert [row.end_reason for row in rows()] == ["expired", ""]
    perform("purge")
    assert len(rows()) == 2
    traveller.shift(timedelta(days=31))
    perform("end_old_sessions")
    perform("purge")
    assert [row.is_remembered for row in rows()] == [True]


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        (FIREFOX, "Firefox", "Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36",
            "Chrome",
            "Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge", "Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18 Safari/605", "Safari", "Mac"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome", "Android"),
        ("curl/8", "", ""),
        ("", "", ""),
        ("\x00" * 5000, "", ""),
    ],
)
def test_it_names_a_browser_as_people_do(agent: str, browser: str, system: str) -> None:
    told = browsers.device(agent, "")
    assert (told.browser, told.system) == (browser, system)
