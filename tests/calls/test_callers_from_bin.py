"""Who is in the bin and rings is offered to be restored; short and hidden callers have cards."""

import pytest
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.calls.popup_story import ANA, HTMX, ClientOf, answer, card, end, fact, ring

pytestmark = pytest.mark.usefixtures("traveller")


def binned(responsible: User, number: str = ANA) -> Contact:
    """Make Ana, who is in the bin."""
    return make_contact(
        "Ana Sousa", phones=(number,), responsible=responsible, deleted_at=clock.now()
    )


def restore(client: FlaskClient, call: Call, contact: Contact, **more: object) -> int:
    sent = {"contact_id": str(contact.id)}
    return client.post(f"/calls/{call.id}/restore", data=sent, **more).status_code  # type: ignore[arg-type]


class TestFromTheBin:
    def test_the_card_offers_to_restore_who_rings(self, client_of: ClientOf, bob: User) -> None:
        ana = binned(bob)
        shown = card(client_of(bob), ring("101"))
        assert "Ana Sousa is in the bin" in shown
        assert "Restore Ana Sousa" in shown
        assert f'name="contact_id" value="{ana.id}"' in shown

    def test_restoring_on_the_card_makes_the_call_theirs(
        self, client_of: ClientOf, bob: User
    ) -> None:
        ana, call, client = binned(bob), ring("101"), client_of(bob)
        for _again in range(2):
            assert restore(client, call, ana, headers=HTMX) == 200
            assert ana.deleted_at is None
            assert (call.contact, call.contact_is_chosen) == (ana, True)
        assert "is in the bin" not in card(client, call)
        assert "Ana Sousa" in card(client, call)

    def test_the_page_of_the_call_offers_it_too(self, client_of: ClientOf, bob: User) -> None:
        ana, client = binned(bob), client_of(bob)
        ring("101")
        answer("101")
        call = end()
        page = client.get(f"/calls/{call.id}").text
        assert "Ana Sousa is in the bin" in page
        assert restore(client, call, ana) == 303
        assert (ana.deleted_at, call.contact) == (None, ana)
        assert "is in the bin" not in client.get(f"/calls/{call.id}").text

    def test_it_is_offered_by_either_writing_of_the_number(
        self, client_of: ClientOf, bob: User
    ) -> None:
        binned(bob, "+5491123456789")
        call = ring("101", caller="+541123456789")
        assert "Ana Sousa is in the bin" in card(client_of(bob), call)

    def test_it_is_not_offered_where_somebody_has_the_number(
        self, client_of: ClientOf, bob: User
    ) -> None:
        binned(bob)
        make_contact("Rui", phones=(ANA,))
        assert "is in the bin" not in card(client_of(bob), ring("101"))

    def test_it_is_offered_only_to_who_may_restore(
        self, client_of: ClientOf, bob: User, carol: User, alice: User
    ) -> None:
        ana = binned(carol)
        change_office("Office", restricts_agents=True, by=alice)
        db.session.commit()
        call, client = ring("101"), client_of(bob)
        assert "Ana Sousa" not in card(client, call)
        assert restore(client, call, ana, headers=HTMX) == 404
        assert ana.deleted_at is not None

    def test_nobody_else_can_be_restored_by_a_call(self, client_of: ClientOf, bob: User) -> None:
        rui = binned(bob, "+351963000111")
        call, client = ring("101"), client_of(bob)
        assert restore(client, call, rui, headers=HTMX) == 404
        assert client.post(f"/calls/{call.id}/restore", data={"contact_id": "x"}).status_code == 404
        assert rui.deleted_at is not None


class TestOtherCallers:
    def test_a_short_number_has_a_card_a_line_in_the_log_and_a_way_back(
        self, client_of: ClientOf, bob: User
    ) -> None:
        client, call = client_of(bob), ring("101", caller="16200")
        shown = card(client, call)
        assert "16200" in shown
        assert "Unknown number" in shown
        assert "New lead" in shown
        call = end(caller="16200", talk_seconds=0, disposition=None)
        assert call.status == "missed"
        log = client.get("/calls").text
        assert 'value="16200"' in log

    def test_a_lead_can_be_made_of_a_short_number(self, client_of: ClientOf, bob: User) -> None:
        client, call = client_of(bob), ring("101", caller="16200")
        made = client.post(f"/calls/{call.id}/new-lead", data={"name": "Taxi"}, headers=HTMX)
        assert made.status_code == 200
        assert call.contact
        assert [phone.number for phone in call.contact.phones] == ["16200"]
        assert "Taxi" in card(client, ring("101", pbx_call_id="in_2", caller="16200"))

    def test_what_is_too_long_for_a_number_is_not_stored_as_one(
        self, client_of: ClientOf, bob: User
    ) -> None:
        client, call = client_of(bob), ring("101", caller="+" + "9" * 39)
        made = client.post(f"/calls/{call.id}/new-lead", data={"name": "Spam"}, headers=HTMX)
        assert made.status_code == 200
        assert call.contact
        assert call.contact.phones == []

    def test_a_text_in_place_of_a_number_is_shown_as_the_name_of_a_hidden_caller(
        self, client_of: ClientOf, bob: User
    ) -> None:
        client = client_of(bob)
        call = ring("101", caller="", caller_name="MEO123")
        shown = card(client, call)
        assert "MEO123" in shown
        assert "The caller does not show a number." in shown
        end(caller="", caller_name="MEO123")
        for path in ("/calls", f"/calls/{call.id}"):
            assert "MEO123" in client.get(path).text
        assert "Hidden number" in client.get("/calls").text

    def test_the_page_of_a_call_tells_with_which_code_it_was_dialled(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = fact(
            FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA, dial_code="*31#"
        )
        page = client_of(bob).get(f"/calls/{call.id}").text
        assert "dialled with *31#." in page
