"""The board: one truth with pop-ups and call-backs, for everybody, with names only by rights."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.presence.services import come_back, go_away
from crm_app.accounts.services import change_office
from crm_app.board import services
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.live.messages import OFFICE, channel_of
from crm_app.office.models import StoredHours
from crm_app.telephony.models import PhoneState
from crm_app.telephony.routing import phones
from tests.calls.popup_story import ANA, NOON, answer, end, fact, ring
from tests.questions import questions
from tests.told import told

ClientOf = Callable[[User], FlaskClient]
RUI = "+351910000043"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def office(app: Flask, bob: User, dora: User) -> Iterator[time_machine.Traveller]:
    """It is noon, always open; Bob has 101 and Dora 103, and both phones are on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        phones.keep({"101": True, "103": True})
        db.session.commit()
        yield traveller


def state_of(user: User, viewer: User | None = None) -> str:
    """What the board says of a colleague."""
    board = services.read(viewer or user)
    [person] = [person for person in board.people if person.user.id == user.id]
    return person.state.value


def news() -> list[dict[str, int | None]]:
    """All that the office's channel has carried since the last look."""
    messages = [json.loads(text) for text in told(OFFICE)]
    bus.client().delete(channel_of(OFFICE))
    return messages


def test_it_says_who_talks_since_when_and_who_rings(
    office: time_machine.Traveller, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    db.session.commit()
    assert [state_of(bob), state_of(dora)] == ["free", "free"]
    ring("101", "103")
    assert [state_of(bob), state_of(dora)] == ["ringing", "ringing"]
    [waiting] = services.read(bob).waiting
    assert waiting.rings == ("Bob Agent", "Dora Manager")
    office.shift(10)
    answer("101")
    office.shift(45)
    page = client_of(dora).get("/board").text
    row = re.search(rf'<li [^>]*id="board-person-{bob.id}".*?</li>', page, re.DOTALL)
    assert row is not None
    assert 'data-state="talking"' in row.group()
    assert 'data-js-elapsed="45"' in row.group()
    assert "0:45" in row.group()
    assert "Ana Sousa" in row.group()
    assert 'data-board-waiting="0"' in page
    assert state_of(dora) == "free"
    end()
    assert state_of(bob) == "free"


def test_who_talks_is_never_free_and_stands_there_once(bob: User, dora: User) -> None:
    ring("101", pbx_call_id="in_1")
    answer("101", pbx_call_id="in_1")
    ring("101", pbx_call_id="in_2", caller=RUI)
    go_away(bob, bob)
    phones.keep({"101": False})
    db.session.commit()
    board = services.read(dora)
    [person] = [person for person in board.people if person.user.id == bob.id]
    assert person.state == "talking"
    assert [part.doing for part in person.parts] == ["talking", "ringing"]
    assert len(board.waiting) == 1


def test_who_places_a_call_is_calling_until_somebody_answers(bob: User) -> None:
    fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=RUI)
    assert state_of(bob) == "calling"
    fact(FactKind.ANSWERED, "out_1", extension="101", called=RUI)
    assert state_of(bob) == "talking"


def test_a_call_at_a_phone_that_is_nobodys_is_shown_too(bob: User) -> None:
    ring("155")
    answer("155")
    board = services.read(bob)
    assert [part.doing for part in board.others["155"]] == ["talking"]


@pytest.mark.parametrize("doing", ["talking", "calling"])
def test_who_is_disabled_during_a_call_still_shows_among_the_other_phones(
    bob: User, dora: User, client_of: ClientOf, doing: str
) -> None:
    if doing == "talking":
        ring("101")
        answer("101")
    else:
        fact(FactKind.OUTGOING_STARTED, "out_1", caller="101", called=ANA, extension="101")
    bob.active = False
    db.session.commit()
    assert [part.doing for part in services.read(dora).others["101"]] == [doing]
    page = client_of(dora).get("/board").text
    row = re.search(r'<li [^>]*id="board-extension-101".*?</li>', page, re.DOTALL)
    assert row is not None
    assert "Bob Agent" in row.group()
    assert f'id="board-person-{bob.id}"' not in page


def test_a_call_that_was_silent_for_too_long_is_not_on_the_board(
    office: time_machine.Traveller, bob: User
) -> None:
    ring("101")
    assert services.read(bob).next_in <= 3 * 60 + 1
    office.shift(4 * 60)
    board = services.read(bob)
    assert (board.waiting, state_of(bob) == "ringing") == ([], False)


@pytest.mark.parametrize(
    ("known", "state"), [(True, "free"), (False, "phone-off"), (None, "phone-unknown")]
)
def test_it_says_whose_phone_is_not_registered(bob: User, known: bool | None, state: str) -> None:
    if known is None:
        db.session.delete(db.session.get_one(PhoneState, "101"))
    else:
        phones.keep({"101": known})
    db.session.commit()
    assert state_of(bob) == state


def test_it_says_who_is_away_until_when_and_who_stands_in(
    bob: User, dora: User, carol: User, client_of: ClientOf
) -> None:
    go_away(bob, bob, NOON + timedelta(hours=2), dora.id)
    db.session.commit()
    page = client_of(carol).get("/board").text
    assert "Away until" in page
    assert "Dora Manager stands in." in page
    assert [state_of(bob), state_of(carol)] == ["away", "no-extension"]
    # The clock alone changes it then.
    assert services.read(bob).next_in == 2 * 3600 + 1


def test_who_is_away_without_an_end_is_called_away_once(
    bob: User, carol: User, client_of: ClientOf
) -> None:
    go_away(bob, bob)
    db.session.commit()
    page = client_of(carol).get("/board").text
    row = page.partition(f'data-board-person="{bob.id}"')[2].partition("</li>")[0]
    assert row.count("Away") == 1


def test_outside_the_hours_it_says_who_is_off_shift(bob: User) -> None:
    db.session.add(StoredHours(id=1, week="\n".join(["09:00-11:00"] * 7), holidays=""))
    db.session.commit()
    assert state_of(bob) == "off-shift"
    # It opens again in twenty-one hours; until then a day ends.
    assert services.read(bob).next_in == 12 * 3600 + 1


def test_it_is_drawn_again_when_the_office_closes(bob: User) -> None:
    db.session.add(StoredHours(id=1, week="\n".join(["09:00-13:00"] * 7), holidays=""))
    db.session.commit()
    assert state_of(bob) == "free"
    assert services.read(bob).next_in == 3600 + 1


def test_it_learns_from_the_stream_when_somebody_goes_and_a_phone_goes_off(
    office: time_machine.Traveller, bob: User
) -> None:
    news()
    go_away(bob, bob)
    db.session.commit()
    assert news() == [{"presence": bob.id}]
    come_back(bob, bob)
    come_back(bob, bob)
    db.session.commit()
    assert news() == [{"presence": bob.id}]
    phones.keep({"101": True, "103": True})
    db.session.commit()
    assert news() == []
    phones.keep({"101": False})
    db.session.commit()
    assert news() == [{"phones": None}]
    # The PBX does not answer: that nobody knows any more is news once, and that it answers again.
    office.shift(65)
    phones.keep({})
    db.session.commit()
    assert news() == [{"phones": None}]
    assert state_of(bob) == "phone-unknown"
    office.shift(60)
    phones.keep({})
    db.session.commit()
    assert news() == []
    phones.keep({"101": False})
    db.session.commit()
    assert news() == [{"phones": None}]


@pytest.mark.parametrize("restricts", [False, True])
def test_a_client_is_named_only_to_who_may_see_the_call(
    alice: User, bob: User, carol: User, dora: User, client_of: ClientOf, restricts: bool
) -> None:
    change_office("", restricts_agents=restricts, by=alice)
    make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    ring("101")
    answer("101")
    ring("103", pbx_call_id="in_2", caller=RUI)
    pages = {user.name: client_of(user).get("/board").text for user in (bob, carol, dora)}
    for user in (bob, dora):
        assert "Ana Sousa" in pages[user.name]
    assert ("Ana Sousa" in pages[carol.name]) != restricts
    assert ("a client" in pages[carol.name]) == restricts
    for number in ("910 000 042", "910 000 043", "910000043"):
        assert not restricts or number not in pages[carol.name]
    assert (
        f'id="board-person-{bob.id}" data-board-person="{bob.id}" data-state="talking"'
        in (pages[carol.name])
    )


def test_a_restricted_agent_sees_no_call_back_of_others(
    alice: User, bob: User, carol: User, client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    ana = make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    db.session.add(CallBack(contact_id=ana.id, number=ANA, owner_id=bob.id, misses=1))
    db.session.commit()
    assert 'data-board-call-backs="1"' in client_of(bob).get("/board").text
    theirs = client_of(carol).get("/board").text
    assert 'data-board-call-backs="0"' in theirs
    assert "Ana Sousa" not in theirs


def test_it_lists_call_backs_as_their_page_colours_them(
    office: time_machine.Traveller, bob: User, dora: User, client_of: ClientOf
) -> None:
    rows = [
        CallBack(number=ANA, owner_id=bob.id, due_at=NOON - timedelta(minutes=1), misses=1),
        CallBack(number=RUI, due_at=NOON + timedelta(hours=1), misses=1),
    ]
    db.session.add_all(rows)
    db.session.commit()
    page, queue = (client_of(dora).get(path).text for path in ("/board", "/callbacks"))
    for row, age in zip(rows, ("late", "soon"), strict=True):
        shown = re.search(rf'id="board-callback-{row.id}" data-age="(\w+)"', page)
        listed = re.search(rf'id="callback-{row.id}".*? data-age="(\w+)"', queue)
        assert (shown and shown[1], listed and listed[1]) == (age, age)
        assert f'href="/callbacks/{row.id}"' in page
    assert "In the pool" in page
    # The next colour comes without any news.
    assert services.read(dora).next_in == 55 * 60 + 1


def test_each_count_of_today_is_that_of_the_list_it_leads_to(
    office: time_machine.Traveller, bob: User, alice: User, client_of: ClientOf
) -> None:
    make_user("Erin Agent", extension="102")
    office.shift(-24 * 3600)
    ring("101", pbx_call_id="in_yesterday")
    end("in_yesterday", disposition=Disposition.CANCELLED, talk_seconds=None)
    office.shift(24 * 3600)
    for number in (1, 2):
        ring("101", pbx_call_id=f"in_a{number}")
        answer("101", pbx_call_id=f"in_a{number}")
        end(f"in_a{number}")
    ring("101", pbx_call_id="in_m")
    end("in_m", disposition=Disposition.CANCELLED, talk_seconds=None)
    fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=RUI)
    fact(FactKind.ANSWERED, "out_1", extension="101", called=RUI)
    fact(
        FactKind.OUTGOING_ENDED, "out_1", extension="101", called=RUI,
        disposition=Disposition.ANSWERED, talk_seconds=30,
    )  # fmt: skip
    browser = client_of(alice)
    page = browser.get("/board").text
    tiles = re.findall(r'board-tile" href="([^"]*)".*?data-board-count="([\w-]+)">([^<]*)<', page,
                       re.DOTALL)  # fmt: skip
    values = {name: value for _url, name, value in tiles}
    assert values == {
        "answered": "2", "missed": "1", "made": "1", "talk": "2 min", "call-backs": "0"
    }  # fmt: skip
    listed = {
        name: len(re.findall(r'id="row-of-call-', browser.get(unescape(url)).text))
        for url, name, _value in tiles[:4]
    }
    assert listed == {"answered": 2, "missed": 1, "made": 1, "talk": 3}


def test_it_asks_the_database_as_often_for_fifty_colleagues_as_for_two(
    bob: User, dora: User, client_of: ClientOf
) -> None:
    browser = client_of(dora)

    bob_id = bob.id

    def grow(first: int, last: int) -> list[int]:
        for number in range(first, last):
            user = make_user(f"Agent {number}", extension=str(200 + number))
            go_away(user, user, NOON + timedelta(hours=1), bob_id)
            contact = make_contact(f"Client {number}", phones=(f"+3519200000{number:02}",))
            db.session.add(CallBack(contact_id=contact.id, number=RUI, owner_id=user.id, misses=1))
            ring(str(200 + number), pbx_call_id=f"in_{number}", caller=f"+3519200000{number:02}")
        db.session.commit()
        counts = []
        for path in ("/board", "/board/now"):
            browser.get(path, headers=HTMX)
            db.session.expunge_all()
            with questions() as asked:
                assert browser.get(path, headers=HTMX).status_code == 200
            counts.append(len(asked))
        return counts

    few = grow(0, 13)
    assert grow(13, 50) == few
    assert few[1] < 20


def test_a_visitor_is_sent_to_the_sign_in(visitor: FlaskClient) -> None:
    for path in ("/board", "/board/now", "/board/walls"):
        assert visitor.get(path).status_code == 303


def test_an_office_without_phones_reads_what_to_do(alice: User, client_of: ClientOf) -> None:
    for user in db.session.scalars(db.select(User)):
        user.extension = None
    db.session.commit()
    page = client_of(alice).get("/board").text
    assert "Nobody has an extension yet" in page
    assert "The PBX is not connected yet" in page
