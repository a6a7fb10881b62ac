"""Whom to call back: one row for each client who rang in vain, until anybody talks with them."""

import re
from datetime import timedelta

import pytest
import time_machine

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls import missed_clients as listing
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call, CallLeg
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.calls.popup_story import ANA, LINE, ClientOf, answer, end, fact, ring
from tests.plans import plan_of
from tests.questions import questions

OTHER = "+351910000077"
pytestmark = pytest.mark.usefixtures("traveller")


def misses(pbx_call_id: str, *extensions: str, caller: str = ANA) -> Call:
    ring(*extensions, pbx_call_id=pbx_call_id, caller=caller)
    return end(pbx_call_id, caller=caller, disposition=Disposition.CANCELLED, talk_seconds=0)


def shown(user: User, *, of_everybody: bool = False) -> list[tuple[str, int]]:
    found = listing.missed_clients(user, clock.now(), 10, of_everybody=of_everybody)
    return [(one.name or one.last.outside_number, one.tries) for one in found]


def missed_box(page: str) -> str:
    return page[page.index('id="today-missed"') :].partition("</section>")[0]


def test_each_client_is_one_row_with_the_number_of_tries_the_latest_first(
    bob: User, traveller: time_machine.Traveller
) -> None:
    make_contact("Ana Sousa", phones=(ANA, OTHER))
    for number, caller in enumerate((ANA, "+351910000088", OTHER, ANA)):
        misses(f"in_{number}", "101", caller=caller)
        traveller.shift(timedelta(minutes=10))
    assert shown(bob) == [("Ana Sousa", 3), ("+351910000088", 1)]


@pytest.mark.parametrize("talker", ["101", "102"])
def test_a_talk_of_anybody_takes_the_client_off_the_list(
    bob: User, erin: User, traveller: time_machine.Traveller, talker: str
) -> None:
    misses("in_1", "101")
    traveller.shift(timedelta(minutes=1))
    ring(talker, pbx_call_id="in_2")
    assert shown(bob) == [(ANA, 1)]
    answer(talker, pbx_call_id="in_2")
    assert shown(bob) == []
    traveller.shift(timedelta(seconds=65))
    end("in_2")
    assert shown(bob) == []
    traveller.shift(timedelta(minutes=1))
    misses("in_3", "101")
    assert shown(bob) == [(ANA, 1)]


def test_a_talk_that_we_began_does_too_and_a_try_does_not(
    bob: User, erin: User, traveller: time_machine.Traveller
) -> None:
    misses("in_1", "101")
    traveller.shift(timedelta(minutes=1))
    placed = {"called": ANA, "extension": "102"}
    fact(FactKind.OUTGOING_STARTED, "out_1", **placed)
    fact(FactKind.OUTGOING_ENDED, "out_1", disposition=Disposition.NO_ANSWER, **placed)
    assert shown(bob) == [(ANA, 1)]
    fact(FactKind.OUTGOING_STARTED, "out_2", **placed)
    fact(FactKind.ANSWERED, "out_2", called=ANA, caller="102")
    assert shown(bob) == []


def test_a_talk_at_the_other_telephone_of_a_contact_counts(
    bob: User, traveller: time_machine.Traveller
) -> None:
    make_contact("Ana Sousa", phones=(ANA, OTHER))
    misses("in_1", "101")
    traveller.shift(timedelta(minutes=1))
    ring("101", pbx_call_id="in_2", caller=OTHER)
    answer("101", pbx_call_id="in_2", caller=OTHER)
    assert shown(bob) == []


def test_a_contact_that_gets_the_number_later_is_one_row_with_the_strangers_calls(
    bob: User, traveller: time_machine.Traveller
) -> None:
    misses("in_1", "101")
    make_contact("Ana Sousa", phones=(ANA,))
    traveller.shift(timedelta(minutes=1))
    misses("in_2", "101")
    assert shown(bob) == [("Ana Sousa", 2)]


def test_a_call_is_mine_when_it_rang_at_my_phone_or_is_of_my_client(
    bob: User, erin: User, carol: User, alice: User
) -> None:
    make_contact("Ana Sousa", phones=(ANA,), responsible_id=carol.id)
    misses("in_1", "101")
    misses("in_2", caller=OTHER)
    assert shown(bob) == shown(carol) == [("Ana Sousa", 1)]
    assert shown(erin) == []
    assert sorted(shown(alice, of_everybody=True)) == [(OTHER, 1), ("Ana Sousa", 1)]


def test_only_managers_may_ask_for_those_of_the_team(
    client_of: ClientOf, alice: User, bob: User
) -> None:
    misses("in_1")
    assert "910 000 042" not in client_of(alice).get("/").text
    assert "910 000 042" in missed_box(client_of(alice).get("/?team=1").text)
    page = client_of(bob).get("/?team=1").text
    assert "910 000 042" not in page
    assert "Team" not in page


def test_a_restricted_agent_sees_own_calls_and_nobody_elses(
    alice: User, bob: User, erin: User
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    make_contact("Ana Sousa", phones=(ANA,), responsible_id=erin.id)
    misses("in_1", "102")
    misses("in_2", "101", caller=OTHER)
    assert shown(bob) == shown(bob, of_everybody=True) == [(OTHER, 1)]
    assert shown(erin) == [("Ana Sousa", 1)]


def test_today_shows_the_tries_the_time_and_a_button_to_call(
    client_of: ClientOf, bob: User, traveller: time_machine.Traveller
) -> None:
    contact = make_contact("Carlos Assunção", phones=(ANA,))
    for number in range(3):
        last = misses(f"in_{number}", "101")
        traveller.shift(timedelta(minutes=1))
    box = missed_box(client_of(bob).get("/").text)
    assert box.count("Carlos Assunção</a>") == 1
    assert f'href="/contacts/{contact.id}"' in box
    assert re.search(rf'3×</span> · <a [^>]*href="/calls/{last.id}">[^<]*12:02</a>', box)
    assert box.count(f'data-call-number="{ANA}"') == 1
    assert "/calls?result=missed" in box


def test_what_is_older_than_two_days_is_left_to_the_log(
    bob: User, traveller: time_machine.Traveller
) -> None:
    misses("in_1", "101")
    traveller.shift(timedelta(days=2, seconds=1))
    assert shown(bob) == []


@pytest.mark.parametrize("of_everybody", [False, True])
def test_it_is_read_by_indexes_bounded_by_days(bob: User, of_everybody: bool) -> None:
    client = make_contact("Ana Sousa", phones=(ANA,), responsible_id=bob.id)
    for number in range(40):
        began = clock.now() - timedelta(hours=number)
        call = Call(
            pbx_call_id=f"c{number}", direction="inbound", phase="ended", status="missed", did=LINE,
            outside_number=ANA, contact_id=client.id, responsible_id=bob.id, started_at=began,
        )  # fmt: skip
        db.session.add(call)
        db.session.flush()
        db.session.add(CallLeg(call_id=call.id, extension="101", user_id=bob.id, started_at=began))
    db.session.commit()
    since = clock.now() - listing.MISSED_FOR
    tries = listing._tries(bob, since, of_everybody=of_everybody)
    plan = plan_of(lambda: db.session.execute(tries).all())
    # Of everybody PostgreSQL may read all calls of these days by their order.
    ways = (
        [["ix_call_list_status", "ix_call_list"]]
        if of_everybody
        else [["ix_call_leg_list"], ["ix_call_list_resp"]]
    )
    for indexes in ways:
        assert any(index in plan for index in indexes), plan
    assert not re.search(r"SCAN call|Seq Scan on call", plan), plan


def test_it_asks_as_often_for_thirty_clients_as_for_one(bob: User) -> None:
    counts = []
    for numbers in (range(1), range(1, 30)):
        for number in numbers:
            misses(f"in_{number}", "101", caller=f"+3519100001{number:02}")
        shown(bob)
        db.session.expire_all()
        with questions() as asked:
            assert len(shown(bob)) == min(len(numbers), 10)
        counts.append(len(asked))
    assert counts[0] == counts[1]
