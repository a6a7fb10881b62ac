"""A call list on the screens of two who work through it."""

from playwright.sync_api import expect

from crm_app.accounts.models import User
from crm_app.call_lists import membership
from crm_app.call_lists.models import Of
from crm_app.contacts.listing import ContactFilter
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.leads.listing import LeadFilter
from crm_app.local_time import LocalTime
from crm_app.records.lists import ListFilter
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.story import ANA, RUI


def make_list() -> int:
    """Make a list of two contacts."""
    for name, number in (("Ana Sousa", ANA), ("Rui Reis", RUI)):
        make_contact(name, phones=(number,))
    return list_of(Of.CONTACTS, ContactFilter())


def make_list_of_leads() -> int:
    """Make a list of two leads: one has only a number, and one a contact."""
    make_lead("Enquiry", number=ANA)
    make_lead("Roof", contact=make_contact("Rui Reis", phones=(RUI,)))
    return list_of(Of.LEADS, LeadFilter(order="oldest"))


def list_of(of: Of, filters: ListFilter) -> int:
    bob = db.session.scalars(db.select(User).where(User.name == "Bob")).one()
    local = LocalTime.of("Europe/Lisbon")
    return membership.make(of, filters, bob, local, name="Autumn", calls_do_not_call=False).id


def test_who_takes_or_finishes_an_entry_is_seen_by_colleagues_without_a_reload(
    office: Office, sign_in: SignIn
) -> None:
    path = f"/call-lists/{office.do(make_list)}"
    bob, erin = (watching(sign_in(name), office, path) for name in ("Bob", "Erin"))
    bob.locator("[data-call-list-next]").click()
    expect(erin.get_by_text("Bob: Ana Sousa")).to_be_visible()
    erin.locator("[data-call-list-next]").click()
    erin.get_by_label("Note", exact=True).fill("Half a sentence")
    expect(bob.get_by_text("Erin: Rui Reis")).to_be_visible()
    bob.get_by_label("Note", exact=True).fill("Is away until May.")
    bob.get_by_role("button", name="Save and stop").click()
    expect(erin.get_by_text("1 of 2")).to_be_visible()
    expect(erin.get_by_text("Is away until May.")).to_be_visible()
    # What she writes meanwhile is not touched.
    expect(erin.get_by_label("Note", exact=True)).to_have_value("Half a sentence")


def test_a_lead_that_has_only_a_number_is_called_and_written_up_like_a_contact(
    office: Office, sign_in: SignIn
) -> None:
    path = f"/call-lists/{office.do(make_list_of_leads)}"
    bob, erin = (watching(sign_in(name), office, path) for name in ("Bob", "Erin"))
    bob.locator("[data-call-list-next]").click()
    expect(erin.get_by_text("Bob: Enquiry")).to_be_visible()
    entry = bob.locator("[data-call-list-entry]")
    expect(entry.get_by_role("link", name="Enquiry")).to_be_visible()
    expect(entry.locator(f'[data-call-number="{ANA}"]')).to_be_visible()
    expect(bob.get_by_role("region", name="Calls", exact=True)).to_contain_text("No calls")
    bob.get_by_label("Note", exact=True).fill("Wants an offer.")
    bob.get_by_role("button", name="Save, next to call").click()
    expect(erin.get_by_text("Wants an offer.")).to_be_visible()
    expect(bob.locator("[data-call-list-entry]").get_by_text("Rui Reis")).to_be_visible()
