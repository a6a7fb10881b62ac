"""Whose screen a call is on, what its card says, and what can be done on the card."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select
from sqlalchemy.engine.interfaces import CacheStats

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.calls.popups import card_state
from crm_app.calls.popups.card_state import on_screen_of
from crm_app.calls.popups.cards import who_is_it
from crm_app.calls.popups.tray import rehearse
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.journal.services import add_note
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead
from crm_app.leads.services import create_lead
from tests.calls.popup_story import (
    ANA,
    HTMX,
    NOON,
    ClientOf,
    answer,
    card,
    end,
    fact,
    heard,
    is_open,
    ring,
    tray,
)
from tests.plans import plan_of
from tests.questions import questions

pytestmark = pytest.mark.usefixtures("traveller")


def _paths(*records: Contact | Lead) -> set[str]:
    """The addresses of some records."""
    return {f"/{one.__tablename__}s/{one.id}" for one in records}


@contextmanager
def put_together() -> Iterator[list[str]]:
    """Collect the statements that SQLAlchemy does not know yet."""
    unknown: list[str] = []

    def note(
        _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _: Any
    ) -> None:
        if context.cache_hit is CacheStats.CACHE_MISS:
            unknown.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield unknown
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@contextmanager
def loads_of(model: type[Call]) -> Iterator[list[str]]:
    """Collect the calls that are read from the database meanwhile."""
    loaded: list[str] = []

    def note(call: Call, _context: object) -> None:
        loaded.append(call.pbx_call_id)

    db.session.expunge_all()
    event.listen(model, "load", note)
    try:
        yield loaded
    finally:
        event.remove(model, "load", note)


class TestWhoSeesIt:
    def test_it_is_on_the_screens_of_those_whose_phones_ring_and_on_no_other(
        self, client_of: ClientOf, bob: User, erin: User, carol: User, dora: User
    ) -> None:
        call = ring("101", "102")
        for user in (bob, erin):
            assert 'data-state="ringing"' in card(client_of(user), call)
            assert tray(client_of(user)) == ["ringing"]
        for user in (carol, dora):
            assert card(client_of(user), call) == ""
            assert tray(client_of(user)) == []

    def test_it_refuses_an_anonymous_visitor(self, visitor: FlaskClient, bob: User) -> None:
        call = ring("101")
        assert visitor.get(f"/calls/tray?open={call.id}", headers=HTMX).status_code == 401

    def test_it_leaves_the_others_when_one_answers(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        ring("101", "102")
        call = answer("101")
        assert 'data-state="answered"' in card(client_of(bob), call)
        assert card(client_of(erin), call) == ""
        assert tray(client_of(erin)) == []

    def test_it_leaves_a_screen_whose_phone_stops_ringing(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        ring("101", "102")
        call = fact(FactKind.STOPPED_RINGING, extension="101")
        assert card(client_of(bob), call) == ""
        assert 'data-state="ringing"' in card(client_of(erin), call)

    def test_it_leaves_all_screens_when_the_caller_gives_up(
        self, client_of: ClientOf, bob: User
    ) -> None:
        ring("101")
        call = end(disposition=Disposition.CANCELLED, talk_seconds=0)
        assert card(client_of(bob), call) == ""

    def test_it_is_not_shown_when_its_end_never_came(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        call = ring("101")
        traveller.shift(timedelta(minutes=2, seconds=59))
        assert tray(client_of(bob)) == ["ringing"]
        traveller.shift(timedelta(seconds=2))
        assert tray(client_of(bob)) == []
        assert card(client_of(bob), call) == ""

    def test_it_follows_a_transfer(self, client_of: ClientOf, bob: User, erin: User) -> None:
        ring("101")
        answer("101")
        call = fact(FactKind.RANG, extension="102", transfer_from="101")
        assert 'data-state="ringing"' in card(client_of(erin), call)
        call = answer("102", transfer_from="101")
        assert 'data-state="answered"' in card(client_of(erin), call)
        handed_over = card(client_of(bob), call)
        assert 'data-state="ended"' in handed_over
        assert "Handed over" in handed_over

    def test_it_shows_an_outgoing_call_to_the_caller_only(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        make_contact("Ana Sousa", phones=(ANA,))
        call = fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
        mine = card(client_of(bob), call)
        assert "Calling…" in mine
        assert "Ana Sousa" in mine
        assert 'data-direction="outbound"' in mine
        assert card(client_of(erin), call) == ""

    def test_it_leaves_a_call_between_colleagues_to_their_phones(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called="102")
        assert card(client_of(bob), call) == ""
        assert tray(client_of(erin)) == []

    def test_it_stays_for_a_name_that_was_being_typed(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = ring("101")
        end(disposition=Disposition.CANCELLED, talk_seconds=0)
        url = f"/calls/tray?kept={call.id},x,,-1"
        shown = client_of(bob).get(url, headers=HTMX)
        assert 'data-state="over"' in shown.text
        assert tray(client_of(bob)) == []
        theirs = client_of(erin).get(url, headers=HTMX).text
        assert 'data-state="over"' not in theirs
        assert f'data-forgotten="{call.id}"' in theirs
        make_contact("Ana Sousa", phones=(ANA,))
        assert f'data-forgotten="{call.id}"' in client_of(bob).get(url, headers=HTMX).text

    def test_it_goes_to_the_call_log_without_htmx(self, client_of: ClientOf, bob: User) -> None:
        assert client_of(bob).get("/calls/tray").location == "/calls"

    def test_it_puts_who_rings_above_the_call_that_one_is_in_the_newest_first(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        ring("101", pbx_call_id="in_1")
        answer("101", pbx_call_id="in_1")
        end(pbx_call_id="in_1")
        ring("101", pbx_call_id="in_2")
        answer("101", pbx_call_id="in_2")
        for call_id in ("in_3", "in_4"):
            traveller.shift(timedelta(seconds=5))
            ring("101", pbx_call_id=call_id)
        client = client_of(bob)
        assert tray(client) == ["ringing", "ringing", "answered"]
        text = client.get("/calls/tray", headers=HTMX).text
        assert text.index('data-call-id="in_4"') < text.index('data-call-id="in_3"')

    def test_it_costs_few_statements_however_many_calls_live(
        self, client_of: ClientOf, bob: User
    ) -> None:
        for number in range(3):
            ring("101", pbx_call_id=f"in_{number}")
        for number in range(40):
            ring("199", pbx_call_id=f"in_other_{number}")
        client = client_of(bob)
        with questions() as asked:
            assert tray(client) == ["ringing"] * 3
        assert len(asked) <= 12, asked

    def test_after_a_rehearsal_the_first_card_finds_its_sql_put_together(
        self, client_of: ClientOf, bob: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
        make_task("Send it", contact=ana, assignee=bob)
        add_note("contact", ana.id, "Prefers mornings", bob)
        ring("101", pbx_call_id="in_1")
        call = ring("101", pbx_call_id="in_2")
        db.session.commit()
        client = client_of(bob)
        db.engine.clear_compiled_cache()
        client.get("/telephony/dials", headers=HTMX)
        with put_together() as before:
            rehearse()
        assert before
        db.session.rollback()
        db.session.refresh(call)
        with put_together() as then:
            assert "Ana Sousa" in card(client, call)
        assert then == []

    def test_it_reads_no_call_of_others(self, bob: User) -> None:
        for number in range(3):
            ring("101", pbx_call_id=f"in_{number}")
            ring("199", pbx_call_id=f"in_other_{number}")
            ring(pbx_call_id=f"in_nobody_{number}")
        user_id = bob.id
        with loads_of(Call) as loaded:
            assert len(on_screen_of(db.session.get_one(User, user_id))) == 3
        assert sorted(loaded) == ["in_0", "in_1", "in_2"]

    def test_it_reads_live_calls_and_own_ones_but_never_the_whole_log(self, bob: User) -> None:
        ended_calls = [
            {"pbx_call_id": f"c{number}", "direction": "inbound", "phase": "ended",
             "status": "missed", "started_at": NOON - timedelta(minutes=number)}
            for number in range(1000)
        ]  # fmt: skip
        db.session.execute(insert(Call), ended_calls)
        ring("101")
        db.session.refresh(bob)
        live = plan_of(
            lambda: db.session.execute(card_state.live_of(bob)), usual=Call.__tablename__
        )
        assert "ix_call_live" in live
        ended = plan_of(lambda: db.session.scalars(card_state.lately_ended(bob, NOON)).all())
        assert "ix_call_leg_list" in ended
        assert "ix_call_list_user" in ended
        assert "ix_call_list " not in live


class TestWhatItSays:
    def test_each_of_several_calls_leads_to_who_it_is_and_what_is_open_with_them(
        self, client_of: ClientOf, bob: User, dora: User
    ) -> None:
        """Also those that are not open: a contact, several with one number, and a stranger."""
        expected: dict[str, set[str]] = {}
        ana = make_contact("Ana Sousa", phones=(ANA,))
        of_ana = [make_lead("New kitchen", contact=ana), make_lead("A roof", contact=ana)]
        expected["in_1"] = _paths(ana, *of_ana)
        both = [make_contact(name, phones=("+351910000043",)) for name in ("Rui", "Eva")]
        expected["in_2"] = _paths(*both, make_lead("A floor", contact=both[1]))
        lead = create_lead(LeadDraft(title="Enquiry"), bob, number="+34910000099")
        expected["in_3"] = _paths(lead)
        expected["in_4"] = set()
        for name, number in (("in_2", "+351910000043"), ("in_3", "+34910000099"), ("in_4", "")):
            ring("101", pbx_call_id=name, caller=number)
        ring("101", pbx_call_id="in_1", caller=ANA)
        db.session.commit()
        for opened in (1, 2, 3, 4):
            call = db.session.scalars(select(Call).filter_by(pbx_call_id=f"in_{opened}")).one()
            page = client_of(bob).get(f"/calls/tray?open={call.id}", headers=HTMX).text
            assert page.count('class="call-row"') == 3
            cards = re.findall(r'<section class="call-(?:row|card)".*?</section>', page, re.DOTALL)
            found = {}
            for one in cards:
                (hook,) = re.findall(r'role="alertdialog".*data-call-id="(\w+)"', one, re.DOTALL)
                found[hook] = set(re.findall(r'href="(/(?:contacts|leads)/\d+)"', one))
            assert found == expected

    def test_a_row_leads_only_where_one_may_go(
        self, client_of: ClientOf, bob: User, dora: User, alice: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,), responsible=dora)
        make_lead("New kitchen", contact=ana, responsible=dora)
        change_office("", restricts_agents=True, by=alice)
        ring("101", pbx_call_id="in_1", caller=ANA)
        ring("101", pbx_call_id="in_2", caller="+351910000043")
        db.session.commit()
        page = client_of(bob).get("/calls/tray", headers=HTMX).text
        assert "Ana Sousa" in page
        assert "New kitchen" not in page
        assert f'href="/contacts/{ana.id}"' not in page
        assert "call-row-links" not in page

    def test_the_leads_of_ten_rows_are_asked_for_at_once(
        self, client_of: ClientOf, bob: User
    ) -> None:
        client = client_of(bob)
        asked_for = []
        for number in range(10):
            contact = make_contact(f"Ana {number}", phones=(f"+3519100001{number:02}",))
            make_lead("New kitchen", contact=contact)
            ring("101", pbx_call_id=f"in_{number}", caller=f"+3519100001{number:02}")
            db.session.commit()
            with questions() as asked:
                tray(client)
            asked_for.append(sum("FROM lead " in one for one in asked))
        assert asked_for[-1] == asked_for[1] <= 2

    def test_it_names_the_caller_and_what_is_open(
        self, client_of: ClientOf, bob: User, dora: User
    ) -> None:
        company = make_contact("Sousa & Filhos", kind="company")
        ana = make_contact(
            "Ana Sousa", phones=(ANA,), company=company, responsible=dora, do_not_call=True
        )
        lead = make_lead("New kitchen", contact=ana)
        make_lead("Somebody else's")
        text = card(client_of(bob), ring("101"))
        assert 'role="alertdialog"' in text
        assert 'data-call-id="in_1"' in text
        assert f'href="/leads/{lead.id}"' in text
        for words in ("Ana Sousa", "Sousa &amp; Filhos", "Dora Manager", "Do not call",
                      "New kitchen", "910 000 042"):  # fmt: skip
            assert words in text, words
        assert "Somebody else" not in text

    def test_it_tells_the_last_three_contacts_of_any_kind_that_happened(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,))
        make_task("Too long ago", contact=ana, assignee=bob, completed_at=clock.now())
        traveller.shift(timedelta(hours=1))
        ring("101", pbx_call_id="in_0")
        end("in_0", disposition=Disposition.CANCELLED, talk_seconds=0)
        traveller.shift(timedelta(hours=1))
        make_task("Sent the offer", contact=ana, assignee=bob, completed_at=clock.now())
        traveller.shift(timedelta(hours=1))
        add_note("contact", ana.id, "Prefers mornings", bob)
        db.session.commit()
        traveller.shift(timedelta(hours=1))
        for number in range(3):
            make_task(f"To do {number}", contact=ana, assignee=bob)
        text = card(client_of(bob), ring("101", pbx_call_id="in_9"))
        history = text.partition('aria-label="Last contacts"')[2]
        assert history.index("Prefers mornings") < history.index("Sent the offer")
        assert history.index("Sent the offer") < history.index("Missed")
        assert history.count("<li>") == 3
        assert "To do" not in history

    def test_it_tells_what_is_to_be_done_next(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,))
        lead = make_lead("New kitchen", contact=ana)
        make_task("Some day", contact=ana, assignee=bob)
        make_task("Later", contact=ana, assignee=bob, due_at=NOON + timedelta(days=2))
        make_task("Send the offer", lead=lead, assignee=erin, due_at=NOON + timedelta(days=1))
        make_task("Done", contact=ana, assignee=bob, due_at=NOON, completed_at=NOON)
        make_task("Deleted", contact=ana, assignee=bob, due_at=NOON, deleted_at=NOON)
        text = card(client_of(bob), ring("101"))
        is_open, _, history = text.partition('aria-label="Last contacts"')
        assert "New kitchen" in is_open
        assert "Send the offer" in is_open
        for other in ("Some day", "Later", "Done", "Deleted"):
            assert other not in is_open, other
        assert "Done" in history

    def test_it_tells_a_restricted_agent_no_task_of_somebody_else(
        self, client_of: ClientOf, alice: User, bob: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
        make_task("Audit Bob", contact=ana, assignee=alice, due_at=NOON)
        make_task("Audited Bob", contact=ana, assignee=alice, completed_at=NOON)
        change_office("", restricts_agents=True, by=alice)
        db.session.commit()
        assert "Bob" not in card(client_of(bob), ring("101")).partition("call-card-list")[2]

    def test_it_does_not_tell_of_calls_with_somebody_else_who_has_the_number(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        ana, rui = (make_contact(name, phones=(ANA,)) for name in ("Ana Sousa", "Rui Sousa"))
        before = ring("101", pbx_call_id="in_0")
        client_of(bob).post(f"/calls/{before.id}/identify", data={"contact_id": ana.id})
        end("in_0", disposition=Disposition.CANCELLED, talk_seconds=0)
        call = ring("101", pbx_call_id="in_9")
        client_of(bob).post(f"/calls/{call.id}/identify", data={"contact_id": rui.id})
        assert "Last contacts" not in card(client_of(bob), call)

    def test_it_tells_a_restricted_agent_only_the_name_of_somebody_elses_client(
        self, client_of: ClientOf, alice: User, bob: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,), responsible=alice)
        add_note("contact", ana.id, "Prefers mornings", alice)
        change_office("", restricts_agents=True, by=alice)
        db.session.commit()
        call_id = ring("101", "100")
        theirs, hers = card(client_of(bob), call_id), card(client_of(alice), call_id)
        assert "Ana Sousa" in theirs
        assert "Prefers mornings" not in theirs
        assert f"/contacts/{ana.id}" not in theirs
        assert "Prefers mornings" in hers
        assert f"/contacts/{ana.id}" in hers

    def test_it_says_that_a_number_is_unknown_and_from_where(
        self, client_of: ClientOf, bob: User
    ) -> None:
        text = card(client_of(bob), ring("101", caller="+34910000042"))
        assert "Unknown number · Spain" in text
        assert "New lead" in text

    def test_it_says_that_a_number_is_hidden(self, client_of: ClientOf, bob: User) -> None:
        text = card(client_of(bob), ring("101", caller=""))
        assert "Hidden number" in text

    def test_it_shows_markup_in_a_name_as_text(self, client_of: ClientOf, bob: User) -> None:
        make_contact('<script>alert("x")</script>', phones=(ANA,))
        assert "<script>" not in card(client_of(bob), ring("101"))

    def test_it_counts_the_talk_from_the_servers_clock(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        ring("101")
        call = answer("101")
        traveller.shift(timedelta(seconds=83))
        assert 'data-js-elapsed="83"' in card(client_of(bob), call)

    def test_it_counts_the_talk_of_each_who_talked(
        self, client_of: ClientOf, bob: User, erin: User, traveller: time_machine.Traveller
    ) -> None:
        ring("101")
        answer("101")
        traveller.shift(timedelta(seconds=60))
        call = fact(FactKind.RANG, extension="102", transfer_from="101")
        theirs = card(client_of(erin), call)
        assert "from Bob Agent" in theirs
        assert "tabular" not in theirs.partition("call-card-key")[0]
        assert 'data-js-elapsed="60"' in card(client_of(bob), call)
        call = answer("102", transfer_from="101")
        traveller.shift(timedelta(seconds=20))
        assert 'data-js-elapsed="20"' in card(client_of(erin), call)
        assert ">1:00<" in card(client_of(bob), call)
        traveller.shift(timedelta(seconds=10))
        call = end(talk_seconds=90, last_extension="102")
        assert ">0:30<" in card(client_of(erin), call)
        assert ">1:00<" in card(client_of(bob), call)

    def test_it_calls_nobody_by_the_name_of_a_contact_in_the_bin(
        self, client_of: ClientOf, bob: User
    ) -> None:
        make_contact("Ana Sousa", phones=(ANA,), deleted_at=NOON)
        shown = card(client_of(bob), ring("101"))
        assert 'data-name="910 000 042"' in shown
        assert "Unknown number" in shown


class TestWhoItIs:
    def test_it_asks_who_it_is_when_several_share_a_number_and_remembers_the_choice(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        ana, rui = (make_contact(name, phones=(ANA,)) for name in ("Ana Sousa", "Rui Sousa"))
        call = ring("101", "102")
        asked = card(client_of(bob), call)
        assert "Ana Sousa" in asked
        assert "Rui Sousa" in asked
        before = heard(erin)
        client_of(bob).post(f"/calls/{call.id}/identify", data={"contact_id": rui.id}, headers=HTMX)
        chosen = card(client_of(bob), call)
        assert "Who is it?" not in chosen
        assert f'href="/contacts/{rui.id}"' in chosen
        assert f'href="/contacts/{ana.id}"' not in chosen
        assert "Ana Sousa" not in card(client_of(erin), call)
        assert heard(erin) == before + 1
        answer("101")
        assert db.session.get(Call, call.id).contact_id == rui.id

    def test_it_gives_the_number_to_somebody_we_know(self, client_of: ClientOf, bob: User) -> None:
        rui = make_contact("Rui Costa", phones=("912 345 678",))
        call = ring("101")
        found = client_of(bob).get(f"/calls/{call.id}/people?name=cos", headers=HTMX)
        assert "Add number to Rui Costa" in found.text
        client_of(bob).post(
            f"/calls/{call.id}/identify",
            data={"contact_id": rui.id, "keeps_number": "1"},
            headers=HTMX,
        )
        assert "Rui Costa" in card(client_of(bob), call)
        db.session.refresh(rui)
        assert [phone.number for phone in rui.phones] == ["+351912345678", ANA]

    def test_it_makes_a_stranger_a_lead_by_a_name(self, client_of: ClientOf, bob: User) -> None:
        call = ring("101")
        shown = client_of(bob).post(
            f"/calls/{call.id}/new-lead", data={"name": " Rita Nova "}, headers=HTMX
        )
        lead = db.session.scalars(select(Lead)).one()
        assert lead.contact is not None
        assert (lead.contact.name, lead.contact.main_phone.number) == ("Rita Nova", ANA)
        assert (lead.source, lead.about) == ("Incoming call", "Line 21 000 0001")
        assert lead.responsible_id == lead.contact.responsible_id == bob.id
        attached = db.session.get(Call, call.id)
        assert (attached.contact_id, attached.lead_id) == (lead.contact_id, lead.id)
        assert "Lead created for Rita Nova" in shown.text
        made = card(client_of(bob), call)
        assert "Rita Nova" in made
        assert "Enquiry by phone – Rita Nova" in made

    def test_it_makes_one_lead_when_two_colleagues_are_quick(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = ring("101", "102")
        url = f"/calls/{call.id}/new-lead"
        assert client_of(bob).post(url, data={"name": "Rita"}, headers=HTMX).status_code == 200
        second = client_of(erin).post(url, data={"name": "Rita N."}, headers=HTMX)
        assert second.status_code == 422
        before, _, toast = second.text.partition('hx-target="#toasts"')
        assert "A colleague has just said who this is." in toast
        assert "Rita N." not in before
        assert [contact.name for contact in db.session.scalars(select(Contact))] == ["Rita"]
        assert len(db.session.scalars(select(Lead)).all()) == 1

    def test_it_makes_one_contact_of_a_stranger_who_calls_twice(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        first, second = ring("101", pbx_call_id="in_1"), ring("102", pbx_call_id="in_2")
        for user, call, name in ((bob, first, "Rita Nova"), (erin, second, "R. Nova")):
            url = f"/calls/{call.id}/new-lead"
            got = client_of(user).post(url, data={"name": name}, headers=HTMX)
            assert got.status_code == 200
        assert "The number belongs to Rita Nova: the call was added there." in got.text
        lead = db.session.scalars(select(Lead)).one()
        assert [contact.name for contact in db.session.scalars(select(Contact))] == ["Rita Nova"]
        for call in (first, second):
            attached = db.session.get(Call, call.id)
            assert (attached.contact_id, attached.lead_id) == (lead.contact_id, lead.id)

    def test_it_makes_one_more_contact_when_it_is_none_of_those_with_the_number(
        self, client_of: ClientOf, bob: User
    ) -> None:
        known = [make_contact(name, phones=(ANA,)).id for name in ("Ana Sousa", "Rui Sousa")]
        call = ring("101")
        shown = card(client_of(bob), call)
        assert f'name="known" value="{known[0]},{known[1]}"' in shown
        data = {"name": "Eva Sousa", "known": f"{known[0]},{known[1]},x,,-1,99999999999999"}
        got = client_of(bob).post(f"/calls/{call.id}/new-lead", data=data, headers=HTMX)
        assert got.status_code == 200
        assert len(db.session.scalars(select(Contact)).all()) == 3
        assert who_is_it(db.session.get(Call, call.id))[0].name == "Eva Sousa"

    def test_it_shows_who_shares_the_number_to_those_who_did_not_know(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        for name in ("Ana Sousa", "Rui Sousa"):
            make_contact(name, phones=(ANA,))
        url = f"/calls/{call.id}/new-lead"
        got = client_of(bob).post(url, data={"name": "Eva Sousa"}, headers=HTMX)
        assert got.status_code == 422
        assert "A colleague has just said who this is." in got.text
        assert 'value="Eva Sousa"' in got.text
        assert "Several contacts have this number." in card(client_of(bob), call)

    def test_it_tells_everybody_who_sees_a_call_of_the_same_number(
        self, client_of: ClientOf, bob: User, erin: User, carol: User,
        traveller: time_machine.Traveller,
    ) -> None:  # fmt: skip
        ring("103", pbx_call_id="in_0")
        end("in_0")
        traveller.shift(timedelta(hours=2))
        ring("102", pbx_call_id="in_1")
        answer("102", pbx_call_id="in_1")
        end("in_1")
        ring("103", pbx_call_id="in_2", caller="+34910000042")
        call = ring("101", pbx_call_id="in_3")
        before = [heard(user) for user in (bob, erin, carol)]
        url = f"/calls/{call.id}/new-lead"
        client_of(bob).post(url, data={"name": "Rita"}, headers=HTMX)
        news = [heard(user) - count for user, count in zip((bob, erin, carol), before, strict=True)]
        assert news == [1, 1, 0]

    def test_it_refuses_a_lead_without_a_name(self, client_of: ClientOf, bob: User) -> None:
        call = ring("101")
        got = client_of(bob).post(f"/calls/{call.id}/new-lead", data={"name": " "}, headers=HTMX)
        assert got.status_code == 422
        assert 'role="alert"' in got.text
        assert db.session.scalars(select(Lead)).all() == []

    def test_it_makes_the_lead_though_the_caller_has_hung_up_meanwhile(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        end(disposition=Disposition.CANCELLED, talk_seconds=0)
        got = client_of(bob).post(f"/calls/{call.id}/new-lead", data={"name": "R"}, headers=HTMX)
        assert got.status_code == 200
        assert tray(client_of(bob)) == []
        assert who_is_it(db.session.get(Call, call.id))[0].name == "R"

    @pytest.mark.parametrize(
        "tail", ["identify", "new-lead", "wrapup", "wrapup/draft", "popup/close"]
    )
    def test_it_takes_nothing_from_those_who_have_no_part(
        self, client_of: ClientOf, bob: User, carol: User, tail: str
    ) -> None:
        call = ring("101")
        data = {"name": "x", "contact_id": 1, "outcome": "done"}
        got = client_of(carol).post(f"/calls/{call.id}/{tail}", data=data, headers=HTMX)
        assert got.status_code == 404

    @pytest.mark.parametrize("contact_id", ["", "x", "0", "-1", "99", "9" * 30])
    def test_it_refuses_a_contact_that_is_none(
        self, client_of: ClientOf, bob: User, contact_id: str
    ) -> None:
        call = ring("101")
        url = f"/calls/{call.id}/identify"
        got = client_of(bob).post(url, data={"contact_id": contact_id}, headers=HTMX)
        assert got.status_code == 404


class TestClosing:
    def test_it_is_a_row_on_every_screen_of_the_user(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = ring("101", "102")
        got = client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        assert got.status_code == 200
        assert is_open(client_of(bob)) is False
        assert is_open(client_of(erin)) is True
        assert tray(client_of(bob)) == tray(client_of(erin)) == ["ringing"]
        assert (heard(bob), heard(erin)) == (1, 0)
        assert "call-card-head" in card(client_of(bob), call)

    def test_it_comes_again_when_one_answers_oneself(
        self, client_of: ClientOf, bob: User, erin: User, traveller: time_machine.Traveller
    ) -> None:
        call = ring("101", "102")
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        traveller.shift(timedelta(seconds=1))
        answer("101")
        assert is_open(client_of(bob)) is True
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        traveller.shift(timedelta(seconds=1))
        assert is_open(client_of(bob)) is False
        assert tray(client_of(bob)) == ["answered"]
        end()
        assert tray(client_of(bob)) == ["ended"]

    def test_it_comes_again_when_a_colleague_passes_the_call_on(
        self, client_of: ClientOf, bob: User, erin: User, traveller: time_machine.Traveller
    ) -> None:
        call = ring("101", "102")
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        traveller.shift(timedelta(seconds=1))
        answer("102")
        assert tray(client_of(bob)) == []
        traveller.shift(timedelta(seconds=1))
        fact(FactKind.RANG, extension="101", transfer_from="102")
        assert is_open(client_of(bob)) is True
        assert tray(client_of(bob)) == ["ringing"]
        assert 'data-state="ringing"' in card(client_of(bob), call)

    def test_it_asks_again_when_the_call_came_back(
        self, client_of: ClientOf, bob: User, erin: User, traveller: time_machine.Traveller
    ) -> None:
        ring("101")
        answer("101")
        traveller.shift(timedelta(seconds=1))
        fact(FactKind.RANG, extension="102", transfer_from="101")
        call = answer("102", transfer_from="101")
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        assert tray(client_of(bob)) == []
        traveller.shift(timedelta(seconds=1))
        fact(FactKind.RANG, extension="101", transfer_from="102")
        answer("101", transfer_from="102")
        traveller.shift(timedelta(seconds=1))
        end(last_extension="101")
        assert tray(client_of(bob)) == ["ended"]

    def test_it_stays_closed_when_the_client_answers_a_call_of_ours(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        call = fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        traveller.shift(timedelta(seconds=1))
        fact(FactKind.ANSWERED, "out_1", extension="101", called=ANA)
        assert tray(client_of(bob)) == ["answered"]
        assert is_open(client_of(bob)) is False
