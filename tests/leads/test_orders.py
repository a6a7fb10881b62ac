"""The list of leads in each of its orders: by key, page by page, also after an upgrade."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine

from crm_app import clock
from crm_app.accounts.rights import Verb, allowed
from crm_app.demo import make_lead
from crm_app.extensions import db
from crm_app.leads import services
from crm_app.leads.fields import LeadDraft
from crm_app.leads.listing import LeadFilter, page_of
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.records.bin import put_in_bin
from tests.plans import cursor_of, plan_of

ORDERS = list(LeadFilter.ORDERS)


def shown(page: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'href="/leads/\d+">([^<]+)</a>', page)]


def link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return unescape(found[1]) if found else ""


@pytest.fixture
def leads(bob):
    start = clock.now() - timedelta(days=9)
    made = []
    for day, (title, cents) in enumerate(
        [("zinco", None), ("Álvaro", 500), ("Beira", 10**13), ("alpaca", 0), ("Ómega", 3 * 10**9)]
    ):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            made.append(make_lead(title, value_cents=cents, responsible_id=bob.id, source="Web"))
    services.update_lead(made[1], LeadDraft(about="Call again"), bob)
    db.session.commit()
    return made


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Ómega", "alpaca", "Beira", "Álvaro", "zinco"]),
        ("sort=newest", ["Ómega", "alpaca", "Beira", "Álvaro", "zinco"]),
        ("sort=nonsense", ["Ómega", "alpaca", "Beira", "Álvaro", "zinco"]),
        ("sort=oldest", ["zinco", "Álvaro", "Beira", "alpaca", "Ómega"]),
        ("sort=value", ["Beira", "Ómega", "Álvaro", "alpaca", "zinco"]),
        ("sort=title", ["alpaca", "Álvaro", "Beira", "Ómega", "zinco"]),
        ("sort=changed", ["Álvaro", "Ómega", "alpaca", "Beira", "zinco"]),
        ("sort=title&q=a&source=Web&responsible=me&state=open", ["alpaca", "Álvaro", "Ómega"]),
    ],
)
def test_it_is_sorted_as_its_address_says(client_of, bob, leads, query, titles):
    found = shown(client_of(bob).get(f"/leads?{query}").text)
    assert [title for title in found if title in titles] == titles


def test_it_follows_a_lead_to_its_new_title_and_value(client_of, bob, leads):
    services.update_lead(leads[0], LeadDraft(title="Abóbora", value_cents=10**13), bob)
    services.update_lead(leads[2], LeadDraft(value_cents=None), bob)
    db.session.commit()
    client = client_of(bob)
    assert shown(client.get("/leads?sort=title").text)[0] == "Abóbora"
    by_value = shown(client.get("/leads?sort=value").text)
    assert (by_value[0], by_value[-1]) == ("Abóbora", "Beira")


@pytest.mark.parametrize("order", ORDERS)
def test_it_is_paged_in_every_order_through_all_and_back(client_of, bob, order):
    start = clock.now() - timedelta(days=9)
    for number in range(120):
        # Many are alike in what they are sorted by; some values need more than 32 bits.
        with time_machine.travel(start + timedelta(minutes=number // 3), tick=False):
            cents = None if number % 4 == 0 else number // 5 * 10**10
            make_lead(f"Lead {number // 7}", value_cents=cents, about=str(number))
    client, pages, url = client_of(bob), [], f"/leads?sort={order}"
    while url:
        page = client.get(url).text
        pages.append(re.findall(r'href="/leads/(\d+)">', page))
        url = link(page, "next")
        assert not url or f"sort={order}" in url
    assert [len(ids) for ids in pages] == [50, 50, 20]
    assert len({lead_id for ids in pages for lead_id in ids}) == 120
    back = link(page, "prev")
    assert re.findall(r'href="/leads/(\d+)">', client.get(back).text) == pages[1]


@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("newest", "ix_lead_list"),
        ("oldest", "ix_lead_list"),
        ("value", "ix_lead_value"),
        ("title", "ix_lead_title"),
        ("changed", "ix_lead_recent"),
    ],
)
@pytest.mark.parametrize(
    ("narrowed_by", "of_whom"),
    [({}, ""), ({"stage": 1}, "_stage"), ({"responsible": "me"}, "_responsible")],
)
@pytest.mark.parametrize("cursor", ["", cursor_of("2026-01-01T00:00:00+00:00", 1)])
def test_it_reads_every_order_by_an_index_of_its_own(
    app, bob, order, index, narrowed_by, of_whom, cursor
):
    narrowed = allowed(bob, Lead, Verb.VIEW).where(
        *LeadFilter(**narrowed_by).conditions(bob, LocalTime.of("UTC"))
    )
    plan = plan_of(lambda: page_of(narrowed, LeadFilter.ORDERS[order], cursor))
    # PostgreSQL chooses among the three by the numbers of rows, which are all none here.
    exact = rf"{of_whom}\b" if db.engine.dialect.name == "sqlite" else ""
    assert re.search(rf"\b{index}{exact}", plan), plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("order", ["", "sort=title&", "q=roof&", "state=won&"])
def test_it_leads_back_from_a_page_past_its_end(client_of, bob, order):
    lead = make_lead("Roof")
    client = client_of(bob)
    moment = cursor_of("2000-01-01T00:00:00+00:00", 1)
    cursor = cursor_of("zzz", 1) if "title" in order else moment
    page = client.get(f"/leads?{order}cursor={cursor}").text
    assert shown(page) == []
    assert "Nothing on this page" in page
    assert "No leads yet" not in page
    first = re.search(r'href="([^"]+)">[^>]*<svg[^>]*><use[^>]*></svg>Go to the first page', page)
    assert unescape(first[1] if first else "") == f"/leads?{order}".rstrip("&?")
    put_in_bin(lead, bob)
    db.session.commit()
    past_bin = client.get(f"/leads/bin?cursor={moment}").text
    assert "Nothing on this page" in past_bin


def test_it_takes_no_step_of_the_browser_back_for_each_letter(client_of, bob):
    page = client_of(bob).get("/leads").text
    assert 'hx-replace-url="true"' in page
    assert "hx-push-url" not in page
