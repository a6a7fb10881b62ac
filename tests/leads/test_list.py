"""The list of leads: narrowed by its address, summed, paged, light."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text

from crm_app import clock
from crm_app.accounts.rights import Verb, allowed
from crm_app.accounts.services import change_office
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.leads.listing import LeadFilter
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from tests.leads.pipeline import lose, win
from tests.questions import questions

HTMX = {"HX-Request": "true"}


def shown(page: str) -> list[str]:
    return re.findall(r'href="/leads/\d+">([^<]+)</a>', page)


@pytest.fixture
def leads(bob, carol):
    contact = make_contact("João Silva", phones=("912345678",))
    roof = make_lead("Roof", contact_id=contact.id, source="Phone", value_cents=100_000,
                     responsible_id=bob.id)  # fmt: skip
    shop = make_lead("Shop 100%", source="Web", value_cents=50_050, responsible_id=carol.id)
    usd = make_lead("Abroad", currency="USD", value_cents=300)
    win(shop, bob)
    lose(usd, "Too far", bob)
    db.session.commit()
    return roof, shop, usd


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Abroad", "Shop 100%", "Roof"]),
        ("state=open", ["Roof"]),
        ("state=won", ["Shop 100%"]),
        ("state=lost", ["Abroad"]),
        ("state=nonsense", ["Abroad", "Shop 100%", "Roof"]),
        ("source=Web", ["Shop 100%"]),
        ("responsible=me", ["Roof"]),
        ("responsible=nobody", ["Abroad"]),
        ("q=rOOf", ["Roof"]),
        ("q=joao", ["Roof"]),
        ("q=912 345", ["Roof"]),
        ("q=100%25", ["Shop 100%"]),
        ("q=%25", ["Shop 100%"]),
        ("q=roof joão", ["Roof"]),
        ("q=roof web", []),
        ("q=%00roof", ["Roof"]),
        ("stage=99999999999999999999", ["Abroad", "Shop 100%", "Roof"]),
        ("responsible=99999999999999999999", ["Abroad", "Shop 100%", "Roof"]),
        ("cursor=nonsense", ["Abroad", "Shop 100%", "Roof"]),
        # An "x" for a time; a time without a zone with an impossible id.
        ("cursor=WyJuIixbIngiLDFdXQ", ["Abroad", "Shop 100%", "Roof"]),
        (
            "cursor=WyJuIixbIjIwMjYtMDEtMDFUMDA6MDA6MDAiLDk5OTk5OTk5OTk5XV0",
            ["Abroad", "Shop 100%", "Roof"],
        ),
    ],
)
def test_it_is_narrowed_by_its_address(client_of, bob, leads, query, titles):
    answer = client_of(bob).get(f"/leads?{query}")
    assert answer.status_code == 200
    assert shown(answer.text) == titles


def test_it_is_narrowed_by_stage_and_colleague(client_of, bob, carol, leads):
    roof = leads[0]
    client = client_of(bob)
    assert shown(client.get(f"/leads?stage={roof.stage_id}").text) == ["Roof"]
    assert shown(client.get(f"/leads?responsible={carol.id}").text) == ["Shop 100%"]


def test_it_sums_what_is_left_per_currency(client_of, bob, leads):
    page = client_of(bob).get("/leads").text
    assert "€1,500.50" in page
    assert "$3.00" in page
    narrowed = client_of(bob).get("/leads?state=open").text
    assert "€1,000.00" in narrowed
    assert "$3.00" not in narrowed


def test_it_sums_beyond_what_32_bits_hold(client_of, bob):
    for _ in range(3):
        make_lead("Bridge", value_cents=10**12)
    assert "€30,000,000,000.00" in client_of(bob).get("/leads").text


def test_it_gives_htmx_only_the_list(client_of, bob, leads):
    answer = client_of(bob).get("/leads?state=open", headers=HTMX)
    assert shown(answer.text) == ["Roof"]
    assert "<html" not in answer.text


def test_it_is_paged_by_key_and_keeps_the_filter(client_of, bob):
    start = clock.now()
    for number in range(120):
        with time_machine.travel(start + timedelta(seconds=number // 2), tick=False):
            make_lead(f"Lead {number}", source="Web")
    client, seen, url = client_of(bob), [], "/leads?source=Web"
    while url:
        page = client.get(url).text
        seen += shown(page)
        forward = re.search(r'rel="next" href="([^"]+)"', page)
        url = forward.group(1).replace("&amp;", "&") if forward else ""
        assert not url or "source=Web" in url
    assert seen == [f"Lead {number}" for number in range(119, -1, -1)]
    back = re.search(r'rel="prev" href="([^"]+)"', page).group(1).replace("&amp;", "&")
    assert shown(client.get(back).text) == [f"Lead {number}" for number in range(69, 19, -1)]


def test_it_says_what_to_do_when_there_is_nothing(client_of, bob):
    client = client_of(bob)
    assert "No leads yet" in client.get("/leads").text
    assert "No lead matches" in client.get("/leads?q=nothing").text


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_its_search_reads_the_index_that_sqlite_needs_a_join_for(app, bob):
    statement = allowed(bob, Lead, Verb.VIEW).where(
        *LeadFilter(q="roof a").conditions(bob, LocalTime.of("UTC"))
    )
    sql = str(statement.compile(db.engine, compile_kwargs={"literal_binds": True}))
    plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {sql}")).all()
    assert "lead_search" in str(plan)


def test_it_shows_a_restricted_agent_only_own(client_of, alice, bob, leads):
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    page = client_of(bob).get("/leads").text
    assert shown(page) == ["Roof"]
    assert "€1,500.50" not in page
    assert client_of(bob).get(f"/leads/{leads[1].id}").status_code == 404
    assert client_of(bob).post(f"/leads/{leads[1].id}/delete").status_code == 404


def test_it_asks_the_database_few_questions(client_of, bob, leads):
    for number in range(40):
        make_lead(f"More {number}", contact_id=make_contact(f"Contact {number}").id,
                  responsible_id=bob.id)  # fmt: skip
    client = client_of(bob)
    with questions() as asked:
        client.get("/leads")
    assert len(asked) <= 10, asked
