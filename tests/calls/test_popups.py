"""Whose screen a call is on, what its card says, and what can be done on the card."""

from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.cards import who_is_it
from crm_app.calls.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.journal.services import add_note
from crm_app.leads.models import Lead
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
    ring,
    tray,
)
from tests.questions import questions

pytestmark = pytest.mark.usefixtures("traveller")


class TestWhoSeesIt:
    def test_it_is_on_the_screens_of_those_whose_phones_ring_and_on_no_other(
        self, client_of: ClientOf, bob: User, erin: User, carol: User, dora: User
    ) -> None:
        call = ring("101", "102")
        for user in (bob, erin):
            assert 'data-state="ringing"' in card(client_of(user), call)
            assert tray(client_of(user)) == ["ringing"]
        for user in (carol, dora):
            assert card(client_of(user), call) == "404"
            assert tray(client_of(user)) == []

    def test_it_refuses_an_anonymous_visitor(self, visitor: FlaskClient, bob: User) -> None:
        call = ring("101")
        assert visitor.get(f"/calls/{call.id}/popup", headers=HTMX).status_code == 401
        assert visitor.get("/calls/tray", headers=HTMX).status_code == 401

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
        assert card(client_of(erin), call) == "404"

    def test_it_leaves_a_call_between_colleagues_to_their_phones(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called="102")
        assert card(client_of(bob), call) == ""
        assert tray(client_of(erin)) == []

    def test_it_goes_to_the_call_log_without_htmx(self, client_of: ClientOf, bob: User) -> None:
        call = ring("101")
        assert client_of(bob).get("/calls/tray").location == "/calls"
        assert client_of(bob).get(f"/calls/{call.id}/popup").location == f"/calls/{call.id}"

    def test_it_puts_the_ringing_card_first(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        ring("101", pbx_call_id="in_1")
        answer("101", pbx_call_id="in_1")
        end(pbx_call_id="in_1")
        ring("101", pbx_call_id="in_2")
        answer("101", pbx_call_id="in_2")
        traveller.shift(timedelta(seconds=5))
        ring("101", pbx_call_id="in_3")
        assert tray(client_of(bob)) == ["ringing", "answered", "ended"]

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


class TestWhatItSays:
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
                      "New kitchen", "910 000 042", "21 000 0001"):  # fmt: skip
            assert words in text, words
        assert "Somebody else" not in text

    def test_it_tells_the_last_three_contacts_of_any_kind(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        ana = make_contact("Ana Sousa", phones=(ANA,))
        ring("101", pbx_call_id="in_0")
        end("in_0", disposition=Disposition.CANCELLED, talk_seconds=0)
        for title in ("Too long ago", "Send the offer"):
            traveller.shift(timedelta(hours=1))
            make_task(title, contact=ana, assignee=bob)
        traveller.shift(timedelta(hours=1))
        add_note("contact", ana.id, "Prefers mornings", bob)
        db.session.commit()
        text = card(client_of(bob), ring("101", pbx_call_id="in_9"))
        assert text.index("Prefers mornings") < text.index("Send the offer")
        assert text.index("Send the offer") < text.index("Too long ago")
        assert text.count("call-card-when") == 3

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

    def test_it_does_not_name_a_contact_in_the_bin(self, client_of: ClientOf, bob: User) -> None:
        make_contact("Ana Sousa", phones=(ANA,), deleted_at=NOON)
        assert "Ana Sousa" not in card(client_of(bob), ring("101"))


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
        chosen = client_of(bob).post(
            f"/calls/{call.id}/identify", data={"contact_id": rui.id}, headers=HTMX
        )
        assert "Who is it?" not in chosen.text
        assert f'href="/contacts/{rui.id}"' in chosen.text or "Rui Sousa" in chosen.text
        assert "Ana Sousa" not in card(client_of(erin), call)
        assert heard(erin) == before + 1
        answer("101")
        assert db.session.get(Call, call.id).contact_id == rui.id
        assert ana.id != rui.id

    def test_it_gives_the_number_to_somebody_we_know(self, client_of: ClientOf, bob: User) -> None:
        rui = make_contact("Rui Costa", phones=("912 345 678",))
        call = ring("101")
        found = client_of(bob).get(f"/calls/{call.id}/people?name=cos", headers=HTMX)
        assert "Add number to Rui Costa" in found.text
        shown = client_of(bob).post(
            f"/calls/{call.id}/identify",
            data={"contact_id": rui.id, "keeps_number": "1"},
            headers=HTMX,
        )
        assert "Rui Costa" in shown.text
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
        assert "Rita Nova" in shown.text
        assert "Phone enquiry" in shown.text

    def test_it_makes_one_lead_when_two_colleagues_are_quick(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = ring("101", "102")
        url = f"/calls/{call.id}/new-lead"
        assert client_of(bob).post(url, data={"name": "Rita"}, headers=HTMX).status_code == 200
        second = client_of(erin).post(url, data={"name": "Rita N."}, headers=HTMX)
        assert second.status_code == 422
        assert "Rita" in second.text
        assert len(db.session.scalars(select(Contact)).all()) == 1

    def test_it_refuses_a_lead_without_a_name(self, client_of: ClientOf, bob: User) -> None:
        call = ring("101")
        got = client_of(bob).post(f"/calls/{call.id}/new-lead", data={"name": " "}, headers=HTMX)
        assert got.status_code == 422
        assert db.session.scalars(select(Lead)).all() == []

    def test_it_makes_the_lead_though_the_caller_has_hung_up_meanwhile(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        end(disposition=Disposition.CANCELLED, talk_seconds=0)
        got = client_of(bob).post(f"/calls/{call.id}/new-lead", data={"name": "R"}, headers=HTMX)
        assert got.status_code == 200
        assert got.headers["HX-Reswap"] == "delete"
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
    def test_it_stays_closed_on_every_screen_of_the_user(
        self, client_of: ClientOf, bob: User, erin: User
    ) -> None:
        call = ring("101", "102")
        got = client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        assert got.status_code == 200
        assert tray(client_of(bob)) == []
        assert card(client_of(bob), call) == ""
        assert tray(client_of(erin)) == ["ringing"]
        assert (heard(bob), heard(erin)) == (1, 0)

    def test_it_still_asks_how_it_went_when_a_closed_ring_was_answered(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        client_of(bob).post(f"/calls/{call.id}/popup/close", headers=HTMX)
        answer("101")
        assert tray(client_of(bob)) == []
        end()
        assert tray(client_of(bob)) == ["ended"]
