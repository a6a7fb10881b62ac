"""A number that is in no record leads on: to a lead, a contact, a call, wherever it is shown."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.demo import make_contact
from crm_app.journal.services import add_note
from tests.calls.test_call_log import ANA, NOON, answered, missed, shown

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def browser(bob: User, client_of: SignIn) -> FlaskClient:
    """Bob's browser."""
    return client_of(bob)


def offers(page: str) -> list[str]:
    """List where a page leads for a number that it does not know."""
    found = re.search(r"data-stranger=.*?(?=</td>|</section>|\Z)", page, re.DOTALL)
    assert found is not None
    urls = re.findall(r'<a [^>]*href="([^"]+)"', found[0])
    return [url.replace("&amp;", "&") for url in urls]


@pytest.mark.parametrize("where", ["/calls", "/calls/{call_id}"])
@pytest.mark.parametrize("make", [missed, answered])
def test_a_call_of_a_stranger_offers_lead_contact_and_an_existing_one(
    browser: FlaskClient, where: str, make: Callable[[], int]
) -> None:
    call_id = make()
    page = browser.get(where.format(call_id=call_id)).text
    lead, contact, existing = offers(page)[:3]
    form = browser.get(lead).text
    assert 'value="910 000 042"' in form
    assert 'value="Incoming call"' in form
    assert "Line 21 000 0001" in form
    assert 'value="910 000 042"' in browser.get(contact).text
    assert existing == f"/calls/{call_id}/attach"
    assert browser.get(existing).status_code == 200


@pytest.mark.parametrize("where", ["/calls", "/calls/{call_id}"])
def test_a_call_of_somebody_known_offers_nothing_of_that(browser: FlaskClient, where: str) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    call_id = missed()
    assert "data-stranger" not in browser.get(where.format(call_id=call_id)).text


@pytest.mark.parametrize("typed", ["910 000 042", "+351910000042", "00351 910 000 042"])
def test_the_search_for_an_unknown_number_leads_on(browser: FlaskClient, typed: str) -> None:
    missed(name="in_1")
    last = missed(name="in_2", at=NOON + timedelta(hours=1))
    answer = browser.get("/search", query_string={"q": typed})
    assert f'data-call-number="{ANA}"' in answer.text
    assert "Its 2 calls" in answer.text
    urls = offers(answer.text)
    assert len(shown(browser, next(url for url in urls if url.startswith("/calls?")))) == 2
    for kind in ("/leads/new", "/contacts/new"):
        form = browser.get(next(url for url in urls if url.startswith(kind))).text
        assert 'value="910 000 042"' in form
    assert f"/calls/{last}/attach" in urls
    box = browser.get(
        "/search/suggestions", query_string={"q": typed}, headers={"HX-Request": "true"}
    )
    assert f'data-call-number="{ANA}"' in box.text
    assert "Unknown number, 2 calls" in box.text


def test_a_number_that_never_called_can_be_called_and_added(browser: FlaskClient) -> None:
    page = browser.get("/search?q=%2B442079460958").text
    assert 'data-call-number="+442079460958"' in page
    assert "/contacts/new?number=" in page
    assert "Its " not in page


def test_the_search_counts_only_calls_that_one_may_see(
    browser: FlaskClient, alice: User, carol: User, client_of: SignIn
) -> None:
    change_office("", restricts_agents=True, by=alice)
    missed()
    assert "Its 1 call" in browser.get("/search?q=910000042").text
    assert "Its 1 call" not in client_of(carol).get("/search?q=910000042").text


def test_a_search_hit_offers_all_numbers(browser: FlaskClient) -> None:
    make_contact("Ana Sousa", phones=("912 000 100", "21 000 0100"))
    for path in ("/search", "/search/suggestions"):
        page = browser.get(f"{path}?q=sousa", headers={"HX-Request": "true"}).text
        assert 'data-call-number="+351912000100"' in page
        assert 'data-call-number="+351210000100"' in page


@pytest.mark.parametrize(
    ("typed", "fits"),
    [("sousa", True), ("910 000", True), ("000042", True), ("rui", False), ("999", False)],
)
def test_the_log_is_narrowed_to_a_client(browser: FlaskClient, typed: str, fits: bool) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    make_contact("Rui Costa", phones=("912 000 100",))
    call_id = missed()
    assert shown(browser, f"/calls?client={typed}") == ([call_id] if fits else [])


def test_numbers_in_notes_and_in_the_history_call(
    app: Flask, browser: FlaskClient, bob: User
) -> None:
    ana = make_contact("Ana Sousa", phones=("912 000 100",), responsible=bob)
    add_note("contact", ana.id, "Ask her <b>brother</b>: 913 000 200, order 2024/118.", bob)
    form = {"name": "Ana Sousa", "kind": "person", "version": str(ana.version)}
    form |= {"phones-0-number": "914 000 300", "phones-0-kind": "mobile", "main_phone": "0"}
    assert browser.post(f"/contacts/{ana.id}/edit", data=form).status_code == 303
    page = browser.get(f"/contacts/{ana.id}").text
    for number in ("+351913000200", "+351912000100", "+351914000300"):
        assert f'data-call-number="{number}"' in page
    assert "&lt;b&gt;brother" in page
    assert 'id="call-anywhere"' in page
