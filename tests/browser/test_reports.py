"""A manager on Monday: the numbers of the week in two clicks, and from a number to its calls."""

from playwright.sync_api import expect

from crm_app.extensions import db
from crm_app.office.models import StoredHours
from tests.browser.conftest import SignIn, watching
from tests.browser.hands import MOUSE, Hands, screen
from tests.browser.office import Office
from tests.browser.story import add_contact, talk


def test_the_report_of_a_period_is_two_clicks_away_and_each_number_leads_to_its_calls(
    office: Office, sign_in: SignIn
) -> None:
    # At whatever hour this runs, the office is open.
    office.do(lambda: db.session.add(StoredHours(week="\n".join(["00:00-24:00"] * 7))))
    add_contact(office)
    talk(office)
    office.end(office.ring("+34910000099", "101"))
    page = watching(sign_in("Alice", **screen(MOUSE)), office, "/contacts")
    hands = Hands(page, MOUSE)
    with hands.at_most(2):
        hands.hit(page.get_by_role("link", name="Reports"))
        hands.hit(page.get_by_role("link", name="This week"))
        expect(page).to_have_url(f"{office.url}/reports/calls?period=week")
        line = page.get_by_role("row", name="Bob")
        expect(line.get_by_role("cell").first).to_have_text("2")
        expect(
            page.get_by_role("row", name="Gave up while it rang").get_by_role("link")
        ).to_have_text("1")
    with hands.at_most(1):
        hands.hit(page.get_by_role("row", name="Gave up while it rang").get_by_role("link"))
        expect(page.locator("#call-list tbody tr")).to_have_count(1)
        expect(page.locator("#call-list")).to_contain_text("Missed")
