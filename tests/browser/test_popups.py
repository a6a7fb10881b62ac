"""Live calls in a real browser: who sees them, in which tabs, and what one does about them."""

import json
import re

from playwright.sync_api import expect
from sqlalchemy import select

from crm_app.calls.models import CallWrapup
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.leads.models import Lead
from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import Office

ANA = "+351910000042"
STRANGER = "+34910000099"
CARD = "[role=alertdialog]"
RECORD_STREAM = """
  window.heard = [];
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(url) {
      super(url);
      this.addEventListener("message", (event) => window.heard.push(event.data));
    }
  };
"""


def add_ana(office: Office) -> Contact:
    """Add a contact with an open lead."""

    def add() -> Contact:
        ana = make_contact("Ana Sousa", phones=(ANA,))
        make_lead("New kitchen", contact=ana)
        return ana

    return office.do(add)


def written(office: Office) -> list[tuple[str, str, bool]]:
    """Read all wrap-ups: outcome, note, whether it was saved."""
    rows = office.do(lambda: db.session.execute(
        select(CallWrapup.outcome, CallWrapup.note, CallWrapup.saved_at)
    ).all())  # fmt: skip
    return [(outcome, note, saved_at is not None) for outcome, note, saved_at in rows]


def test_it_rings_on_two_screens_and_the_third_sees_and_receives_nothing(
    office: Office, sign_in: SignIn
) -> None:
    add_ana(office)
    contexts = [sign_in(name) for name in ("Bob", "Erin", "Carol")]
    for context in contexts:
        context.add_init_script(RECORD_STREAM)
    bob, erin, carol = (watching(context, office) for context in contexts)

    call = office.ring(ANA, "101", "102")

    for page in (bob, erin):
        card = page.locator(CARD)
        expect(card).to_have_count(1)
        expect(card).to_have_attribute("data-call-id", call)
        expect(card).to_have_attribute("data-state", "ringing")
        expect(card.get_by_role("link", name="Ana Sousa")).to_be_visible()
        expect(card.get_by_role("link", name="New kitchen")).to_be_visible()
        expect(page).to_have_title("📞 Ana Sousa")
    until(bob, "heard.length > 0")
    expect(carol.locator(CARD)).to_have_count(0)
    # Nobody's but the office's log has changed: of that she hears ids, and no name or number.
    heard = [json.loads(message) for message in carol.evaluate("heard")]
    assert {key for message in heard for key in message} <= {"log", "contact"}
    assert all(isinstance(value, int | None) for message in heard for value in message.values())


def test_it_closes_within_a_second_when_somebody_else_answers(
    office: Office, sign_in: SignIn
) -> None:
    bob, erin = (watching(sign_in(name), office) for name in ("Bob", "Erin"))
    call = office.ring(ANA, "101", "102")
    expect(erin.locator(CARD)).to_have_count(1)
    expect(bob.locator(CARD)).to_have_count(1)

    office.answer(call, "101")

    expect(erin.locator(CARD)).to_have_count(0)
    expect(bob.locator(CARD)).to_have_attribute("data-state", "answered")
    expect(bob.locator("[data-js-elapsed]")).to_have_text(re.compile(r"^0:(?!00)\d\d$"))


def test_it_serves_eight_tabs_with_one_stream(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    streams: list[str] = []
    context.on("request", lambda r: streams.append(r.url) if r.url.endswith("/live") else None)
    tabs = [watching(context, office) for _ in range(8)]
    assert len(streams) == 1

    call = office.ring(ANA, "101")
    for tab in tabs:
        expect(tab.locator(CARD)).to_have_count(1)
    tabs[5].goto(f"{office.url}/leads")
    expect(tabs[5].locator(CARD)).to_have_count(1)
    office.end(call)
    for tab in tabs:
        expect(tab.locator(CARD)).to_have_count(0)

    # The tab that read the stream is closed; another one goes on, and nothing is missed.
    tabs[0].close()
    office.ring(ANA, "101")
    for tab in tabs[1:]:
        expect(tab.locator(CARD)).to_have_count(1)


def test_it_is_there_again_after_a_reload_and_a_closed_one_is_a_row(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    page, other = watching(context, office), watching(context, office, "/leads")
    call = office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(1)
    page.reload()
    expect(page.locator(CARD)).to_have_attribute("data-state", "ringing")
    office.answer(call, "101")
    page.reload()
    expect(page.locator(CARD)).to_have_attribute("data-state", "answered")
    page.get_by_label("Close this card").click()
    for tab in (page, other):
        expect(tab.locator(".call-row[data-state=answered]")).to_have_count(1)
        expect(tab.locator(".call-card")).to_have_count(0)
    page.reload()
    expect(page.locator(".call-row[data-state=answered]")).to_have_count(1)
    expect(page.locator(".call-card")).to_have_count(0)
    page.locator(".call-row").click()
    expect(page.locator(".call-card")).to_have_attribute("data-call-id", call)
    expect(page.locator(".call-card")).to_be_focused()
    page.reload()
    expect(page.locator(".call-card")).to_have_attribute("data-call-id", call)


def test_it_names_three_who_ring_and_counts_the_rest(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    for number in range(5):
        office.ring(f"+35191000010{number}", "101")
    expect(page.locator(f"{CARD}:visible")).to_have_count(3)
    page.get_by_text("+2 ringing").click()
    expect(page.locator(f"{CARD}:visible")).to_have_count(5)


def test_it_makes_a_stranger_a_lead_in_three_steps(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    office.ring(STRANGER, "101")
    expect(page.locator(CARD)).to_contain_text("Spain")

    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita Nova")
    page.keyboard.press("Enter")

    expect(page.locator(CARD).get_by_role("link", name="Rita Nova", exact=True)).to_be_visible()
    leads = office.do(lambda: db.session.execute(select(Lead.source, Lead.title)).all())
    assert leads == [("Incoming call", "Enquiry by phone – Rita Nova")]


def test_it_offers_the_person_whose_name_is_being_typed(office: Office, sign_in: SignIn) -> None:
    office.do(lambda: make_contact("Rui Costa", phones=("+351912345678",)))
    page = watching(sign_in("Bob"), office)
    office.ring(STRANGER, "101")
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rui")
    page.get_by_role("button", name="Add number to Rui Costa").click()
    expect(page.locator(CARD).get_by_role("link", name="Rui Costa")).to_be_visible()


def test_it_does_not_throw_away_a_name_when_the_caller_hangs_up(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    call = office.ring(STRANGER, "101")
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita N")
    office.end(call)
    expect(page.get_by_text("The call is over. What you typed is still here.")).to_be_visible()
    page.keyboard.type("ova")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert office.do(lambda: db.session.scalars(select(Contact.name)).all()) == ["Rita Nova"]


def test_it_is_written_up_by_two_keys(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    office.end(call, talk_seconds=65)
    expect(page.locator(CARD)).to_have_attribute("data-state", "ended")

    page.keyboard.press("2")
    page.keyboard.press("Enter")

    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [("interested", "", True)]


def test_its_keys_are_left_to_a_field_that_is_typed_in(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office, "/contacts/new")
    name = page.locator("main input[name=name]")
    name.fill("Rua ")
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    office.end(call, talk_seconds=65)
    expect(page.locator(CARD)).to_have_attribute("data-state", "ended")
    page.keyboard.type("123")
    expect(name).to_have_value("Rua 123")
    expect(page.locator("[name=outcome]:checked")).to_have_count(0)


def test_it_keeps_a_note_over_a_reload_a_new_call_and_another_tab(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    page, other = watching(context, office), watching(context, office, "/leads")
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    office.end(call, talk_seconds=65)
    note = page.get_by_label("Note")
    note.click()
    page.keyboard.type("Wants the pri")
    # A second call changes the tray while somebody types.
    second = office.ring(STRANGER, "101")
    expect(page.locator(CARD)).to_have_count(2)
    page.keyboard.type("ce")
    expect(note).to_have_value("Wants the price")
    expect(other.get_by_label("Note")).to_have_value("Wants the price")
    # At once, before the pause after which a draft is sent.
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("Wants the price")
    office.end(second)
    page.get_by_label("Note").click()
    page.keyboard.press("Enter")
    for tab in (page, other):
        expect(tab.locator(CARD)).to_have_count(0)
    assert written(office) == [("", "Wants the price", True)]


def test_it_keeps_a_note_while_the_network_is_away(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = watching(context, office)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    office.end(call, talk_seconds=65)
    page.get_by_label("Note").click()
    context.set_offline(True)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/draft")):
        page.keyboard.type("Typed in the lift")
    page.close()
    context.set_offline(False)

    again = watching(context, office)
    expect(again.get_by_label("Note")).to_have_value("Typed in the lift")
    until(again, "Object.keys(localStorage).every((key) => !key.includes('draft'))")
    assert written(office) == [("", "Typed in the lift", False)]
