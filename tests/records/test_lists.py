"""The filter of a list is a value: from an address, to an address, to what the database finds."""

from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask, has_request_context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from crm_app.accounts.models import User
from crm_app.calls.listing import CallFilter
from crm_app.calls.models import Call
from crm_app.contacts.listing import ContactFilter
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.leads.listing import LeadFilter
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.records.lists import ListFilter, day_of
from crm_app.tasks.listing import TaskFilter
from crm_app.tasks.models import Task
from tests.reader import elements_of

LISTS: dict[type[ListFilter], Any] = {
    ContactFilter: Contact,
    LeadFilter: Lead,
    TaskFilter: Task,
    CallFilter: Call,
}
NAMES = sorted({name for kind in LISTS for name in kind.__dataclass_fields__} | {"sort"})
MEANT = [
    "me", "nobody", "all", "1", "0", "4711", "99999999999", "person", "company", "open", "won",
    "newest", "oldest", "value", "title", "changed", "due", "overdue", "done", "someday",
    "inbound", "missed", "2026-03-02", "0001-01-01", "9999-12-31", "2026-02-30",
]  # fmt: skip
TYPED = st.one_of(
    st.sampled_from(MEANT),
    st.text(max_size=250),
    # Also what no browser sends.
    st.text(st.characters(), max_size=30).map(lambda text: f" \x00{text}\ud800"),
    st.sampled_from(["%' OR 1=1 --", "\u202e" * 300, "-1", "١٢٣", "1e9", "\x00", "ﷺ" * 200]),
)
ADDRESSES = st.dictionaries(st.sampled_from(NAMES), TYPED, max_size=8)


@pytest.mark.parametrize("kind", LISTS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(args=ADDRESSES)
def test_it_reads_from_an_address_what_it_has_written_there(
    kind: type[ListFilter], args: dict[str, str]
) -> None:
    wanted = kind.from_args(args)
    written = wanted.to_args()
    assert kind.from_args(written) == wanted
    assert hash(kind.from_args(written)) == hash(wanted)
    assert kind.from_args(MultiDict(written)) == wanted
    assert urlencode(written).isascii()
    assert wanted.is_empty == (set(written) <= {"sort"})


@pytest.mark.parametrize("kind", LISTS)
def test_it_finds_something_or_nothing_by_any_address_and_needs_no_request(
    app: Flask, bob: User, kind: type[ListFilter]
) -> None:
    model, local = LISTS[kind], LocalTime.of("Asia/Tokyo")

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(args=ADDRESSES)
    def look(args: dict[str, str]) -> None:
        assert not has_request_context()
        wanted = kind.from_args(args)
        found = select(model).where(*wanted.conditions(bob, local))
        assert wanted.sort_order.page(found.where(model.id < 0), "nonsense").rows == []
        db.session.scalars(found.limit(1)).unique().all()

    look()


@pytest.mark.parametrize("path", ["/contacts", "/leads", "/tasks", "/calls"])
def test_it_draws_a_page_for_any_address(app: Flask, bob: User, path: str) -> None:
    client = app.test_client(user=bob)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(args=ADDRESSES)
    def look(args: dict[str, str]) -> None:
        # What no client can send cannot be asked for.
        sent = {name: text.encode("utf-8", "ignore").decode() for name, text in args.items()}
        code = client.get(path, query_string=urlencode(sent)).status_code
        # Calls with a contact that is not there are no page.
        assert code == 200 or (code == 404 and path == "/calls" and "contact" in sent)

    look()


@pytest.mark.parametrize("path", ["/contacts", "/leads", "/tasks", "/calls"])
def test_every_list_is_narrowed_by_the_same_bar(app: Flask, bob: User, path: str) -> None:
    page = app.test_client(user=bob).get(path).text
    elements = elements_of(page)
    forms = [one for one in elements if one.get("hx-get") == path]
    [form] = [one for one in forms if one.tag == "form"]
    assert (form.get("action"), form.get("method"), form.get("role")) == (path, "get", "search")
    assert form.get("hx-trigger").startswith("change, submit")
    narrowed = {one.get("name") for one in elements if form in one.parents} - {""}
    [wanted] = [kind for kind, model in LISTS.items() if f"/{model.__tablename__}s" == path]
    assert narrowed <= {*wanted.__dataclass_fields__, "sort"}
    assert len(narrowed) >= 2


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (ContactFilter(), ["Acme", "Ana", "Rui"]),
        (ContactFilter(responsible="me"), ["Ana"]),
        (ContactFilter(responsible="nobody"), ["Acme"]),
        (ContactFilter(kind="company", do_not_call=True), ["Acme"]),
        (ContactFilter(q="ana"), ["Ana"]),
        (ContactFilter(q="ana", responsible="nobody"), []),
        (LeadFilter(), ["Door", "Roof"]),
        (LeadFilter(state="won"), []),
        (LeadFilter(state="open", source="web"), ["Roof"]),
        (LeadFilter(responsible="me"), ["Roof"]),
        (LeadFilter(q="doo"), ["Door"]),
        (TaskFilter(), ["Mine"]),
        (TaskFilter(assignee="all"), ["Hers", "Mine"]),
        (TaskFilter(assignee="nobody"), []),
        (TaskFilter(assignee="all", group="someday"), ["Mine"]),
        (TaskFilter(assignee="all", group="done"), ["Hers"]),
        (TaskFilter(assignee="all", group="done", order="newest"), ["Hers", "Mine"]),
    ],
    ids=str,
)
def test_its_conditions_hold_for_what_is_wanted(
    app: Flask, bob: User, carol: User, wanted: ListFilter, titles: list[str]
) -> None:
    make_contact("Ana", responsible=bob)
    make_contact("Rui", responsible=carol)
    make_contact("Acme", kind="company", do_not_call=True)
    make_lead("Roof", responsible=bob, source="web")
    make_lead("Door", responsible=carol)
    make_task("Mine", assignee=bob)
    make_task("Hers", assignee=carol, completed_at=LocalTime.of("UTC").now)
    model = LISTS[type(wanted)]
    title = model.name if model is Contact else model.title
    found = select(title).where(*wanted.conditions(bob, LocalTime.of("UTC"))).order_by(title)
    assert db.session.scalars(found).all() == titles


def test_all_tasks_of_a_contact_are_wanted_where_nothing_else_is_said(bob: User) -> None:
    assert TaskFilter().whom == "me"
    assert TaskFilter(contact=1).whom == "all"
    assert TaskFilter(contact=1, assignee="me").whom == "me"
    assert TaskFilter.from_args({"assignee": "somebody"}).whom == "me"


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-03-02", (2026, 3, 2)),
        ("2026-3-2", (2026, 3, 2)),
        ("0001-01-01", (1, 1, 1)),
        ("9999-12-31", (9999, 12, 31)),
        ("2026-02-30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_browsers_send_it(typed: str, day: tuple[int, int, int] | None) -> None:
    read = day_of(typed)
    assert (read and (read.year, read.month, read.day)) == day
