"""The call log's pages: the list with its filters and pages, the card of a call, the boxes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.rights import Verb, allowed
from crm_app.calls import listing
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call, CallOutcome, CallWrapup
from crm_app.calls.store.ledger import record
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.local_time import LocalTime
from tests.plans import plan_of
from tests.questions import questions

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA, DID = "+351910000042", "+351210000001"
SignIn = Callable[[User], FlaskClient]
HTMX = {"HX-Request": "true"}


def tell(kind: FactKind, at: datetime, pbx_call_id: str, **told: Any) -> int:
    call_id = record(db.session.connection(), Fact(kind, pbx_call_id, at, **told), "").call_id
    db.session.commit()
    return call_id


def missed(number: str = ANA, *, at: datetime = NOON, name: str = "in_1", did: str = DID) -> int:
    """A call that rang at 101 and that nobody answered."""
    told = {"caller": number, "did": did}
    tell(FactKind.STARTED, at, name, **told)
    tell(FactKind.RANG, at + timedelta(seconds=1), name, extension="101", **told)
    ended = at + timedelta(seconds=20)
    return tell(FactKind.ENDED, ended, name, disposition=Disposition.CANCELLED, **told)


def answered(number: str = ANA, *, at: datetime = NOON, name: str = "in_2") -> int:
    """A call that 101 answered and talked for 65 seconds."""
    tell(FactKind.RANG, at, name, caller=number, did=DID, extension="101")
    tell(FactKind.ANSWERED, at + timedelta(seconds=5), name, caller=number, extension="101")
    return tell(
        FactKind.ENDED,
        at + timedelta(seconds=70),
        name,
        caller=number,
        did=DID,
        last_extension="101",
        disposition=Disposition.ANSWERED,
        talk_seconds=65,
    )


def dialled(number: str = ANA, *, at: datetime = NOON, name: str = "out_1") -> int:
    """A call that 103 made and that was busy."""
    tell(FactKind.OUTGOING_STARTED, at, name, called=number, extension="103")
    ended = at + timedelta(seconds=9)
    busy = Disposition.BUSY
    told = {"called": number, "extension": "103", "disposition": busy}
    return tell(FactKind.OUTGOING_ENDED, ended, name, **told)


def shown(client: FlaskClient, url: str) -> list[int]:
    """The ids of the calls in a list, in its order."""
    answer = client.get(url)
    assert answer.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="row-of-call-(\d+)"', answer.text)]


@pytest.fixture
def bobs(bob: User, client_of: SignIn) -> FlaskClient:
    return client_of(bob)


class TestList:
    def test_it_says_so_when_there_are_no_calls(self, bobs: FlaskClient) -> None:
        assert "No calls yet" in bobs.get("/calls").text

    def test_it_shows_the_calls_the_latest_first(self, bobs: FlaskClient) -> None:
        first = missed()
        second = answered(at=NOON + timedelta(minutes=5))
        assert shown(bobs, "/calls") == [second, first]
        page = bobs.get("/calls").text
        assert "Missed" in page
        assert "1:05" in page
        assert "Bob Agent" in page

    def test_it_names_the_caller_and_offers_to_call_back(self, bobs: FlaskClient) -> None:
        make_contact("Ana Sousa", phones=("910 000 042",))
        missed()
        page = bobs.get("/calls").text
        assert "Ana Sousa" in page
        assert f'data-call-number="{ANA}"' in page

    def test_it_names_a_caller_who_became_a_contact_after_the_call(self, bobs: FlaskClient) -> None:
        missed()
        assert "Unknown number" in bobs.get("/calls").text
        make_contact("Ana Sousa", phones=("910 000 042",))
        assert "Ana Sousa" in bobs.get("/calls").text

    def test_it_names_all_who_share_the_number(self, bobs: FlaskClient) -> None:
        for name in ("Ana Sousa", "Rui Sousa"):
            make_contact(name, phones=("910 000 042",))
        missed()
        assert "Ana Sousa or Rui Sousa" in bobs.get("/calls").text

    def test_it_shows_a_hidden_number_without_a_call_button(self, bobs: FlaskClient) -> None:
        missed("")
        page = bobs.get("/calls").text
        assert "Hidden number" in page
        assert "data-call-number" not in page.split('id="call-list"')[1]

    def test_it_leaves_out_the_ringing_of_our_own_phone(self, bobs: FlaskClient) -> None:
        told = {"called": "103", "extension": "103"}
        tell(FactKind.OUTGOING_STARTED, NOON, "out_9", **told)
        assert shown(bobs, "/calls") == []

    def test_it_answers_htmx_with_the_list_alone(self, bobs: FlaskClient) -> None:
        call_id = missed()
        fragment = bobs.get("/calls", headers=HTMX).text
        assert f'id="row-of-call-{call_id}"' in fragment
        assert "<html" not in fragment


class TestFilters:
    @pytest.fixture
    def three(self, bob: User, dora: User) -> dict[str, int]:
        return {
            "missed": missed(at=NOON),
            "answered": answered("+34600000042", at=NOON + timedelta(days=1)),
            "dialled": dialled(at=NOON + timedelta(days=2)),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("direction=inbound", ["answered", "missed"]),
            ("direction=outbound", ["dialled"]),
            ("result=missed", ["missed"]),
            ("result=busy", ["dialled"]),
            ("direction=inbound&result=busy", []),
            ("line=%2B351210000001", ["answered", "missed"]),
            ("since=2026-03-03", ["dialled", "answered"]),
            ("until=2026-03-03", ["answered", "missed"]),
            ("since=2026-03-03&until=2026-03-03", ["answered"]),
            ("since=0001-01-01", ["dialled", "answered", "missed"]),
            ("until=9999-12-31", ["dialled", "answered", "missed"]),
            ("since=9999-12-31", []),
            ("until=0001-01-01", []),
            ("since=yesterday", []),
            ("until=2026-02-30", []),
            ("direction=sideways", []),
            ("result=splendid", []),
            ("user=4711", []),
            ("user=99999999999999999999", []),
            ("line=none", ["dialled"]),
            ("line=nobody", []),
            ("direction=inbound&user=4711", []),
            ("cursor=nonsense", ["dialled", "answered", "missed"]),
        ],
    )
    def test_it_narrows_by_what_the_address_says(
        self, three: dict[str, int], bobs: FlaskClient, query: str, names: list[str]
    ) -> None:
        assert shown(bobs, f"/calls?{query}") == [three[name] for name in names]

    def test_it_narrows_by_colleague(
        self, three: dict[str, int], bobs: FlaskClient, bob: User, dora: User
    ) -> None:
        assert shown(bobs, f"/calls?user={bob.id}") == [three["answered"], three["missed"]]
        assert shown(bobs, f"/calls?user={dora.id}") == [three["dialled"]]

    def test_it_narrows_by_contact(self, three: dict[str, int], bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        assert shown(bobs, f"/calls?contact={ana.id}") == [three["dialled"], three["missed"]]
        assert "Only calls with Ana Sousa" in bobs.get(f"/calls?contact={ana.id}").text
        for nobody in ("4711", "ana", "99999999999999999999"):
            assert bobs.get(f"/calls?contact={nobody}").status_code == 404
        assert len(shown(bobs, "/calls?contact=")) == 3

    def test_it_begins_a_day_where_the_user_lives(self, bobs: FlaskClient, bob: User) -> None:
        bob.timezone = "Asia/Tokyo"
        db.session.commit()
        call_id = missed(at=datetime(2026, 3, 2, 16, 0, tzinfo=UTC))
        assert shown(bobs, "/calls?since=2026-03-03&until=2026-03-03") == [call_id]
        assert shown(bobs, "/calls?until=2026-03-02") == []

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
    def test_it_bears_any_day_in_any_zone(
        self, three: dict[str, int], bobs: FlaskClient, bob: User, zone: str
    ) -> None:
        bob.timezone = zone
        db.session.commit()
        assert len(shown(bobs, "/calls?since=0001-01-01&until=9999-12-31")) == 3

    def test_it_says_what_cannot_be_and_that_nothing_fits(
        self, three: dict[str, int], bobs: FlaskClient
    ) -> None:
        for query in ("since=yesterday", "user=4711"):
            page = bobs.get(f"/calls?{query}").text
            assert "No call matches" in page
            assert "invalid-feedback" in page

    def test_it_keeps_what_was_chosen_and_says_when_nothing_fits(
        self, three: dict[str, int], bobs: FlaskClient
    ) -> None:
        page = bobs.get("/calls?direction=inbound&result=busy").text
        assert "No call matches" in page
        assert '<option value="inbound" selected>' in page


class TestPages:
    def test_it_pages_through_all_calls_and_back(self, bobs: FlaskClient) -> None:
        ids = many_calls(170)
        seen, urls, url = [], [], "/calls"
        while url and len(urls) < 9:
            urls.append(url)
            page = bobs.get(url).text
            seen += shown(bobs, url)
            url = link(page, "next")
        assert seen == ids
        assert len(urls) == 4
        back = link(bobs.get(urls[-1]).text, "prev")
        assert shown(bobs, back) == ids[100:150]

    def test_it_keeps_the_filter_on_the_next_page(self, bobs: FlaskClient) -> None:
        many_calls(60)
        assert "direction=inbound" in link(bobs.get("/calls?direction=inbound").text, "next")

    def test_it_asks_the_database_a_few_times_however_many_calls(self, bobs: FlaskClient) -> None:
        many_calls(60)
        make_contact("Ana Sousa", phones=("910 000 042",))
        with questions() as asked:
            bobs.get("/calls")
        # One of them counts the call-backs of the navigation.
        assert len(asked) <= 11, "\n".join(asked)

    @pytest.mark.parametrize(
        "wanted",
        [
            listing.CallFilter(),
            listing.CallFilter(direction="internal"),
            listing.CallFilter(result="missed"),
            listing.CallFilter(user="1"),
            listing.CallFilter(line=DID),
            listing.CallFilter(line=listing.NO_LINE),
        ],
        ids=["all", "direction", "status", "user", "line", "no line"],
    )
    def test_it_reads_every_kind_of_page_from_an_index(
        self, bob: User, wanted: listing.CallFilter
    ) -> None:
        many_calls(3_000)
        statement = allowed(bob, Call, Verb.VIEW).where(
            *wanted.conditions(bob, LocalTime.of("UTC")), Call.id < 10**9
        )
        ordered = statement.order_by(Call.started_at.desc(), Call.id.desc()).limit(51)
        plan = plan_of(lambda: db.session.execute(ordered))
        assert "ix_call_list" in plan
        assert "SORT" not in plan.upper().replace("INCREMENTAL SORT", "")
        assert "TEMP B-TREE" not in plan.upper()


class TestRights:
    def test_it_shows_agents_all_calls(self, bobs: FlaskClient, dora: User) -> None:
        assert shown(bobs, "/calls") == []
        call_id = dialled()
        assert shown(bobs, "/calls") == [call_id]

    def test_it_shows_a_restricted_agent_their_own_and_their_contacts_calls(
        self, bobs: FlaskClient, bob: User, dora: User, client_of: SignIn
    ) -> None:
        make_contact("Rui Dias", phones=("910 000 077",), responsible=bob)
        rang_at_bob = missed(name="in_a")
        others = dialled("+34600000042", at=NOON + timedelta(days=1), name="out_b")
        with_ruis = dialled("+351910000077", at=NOON + timedelta(days=2), name="out_c")
        db.session.add(OfficeSettings(id=1, name="Office", restricts_agents=True))
        db.session.commit()
        assert shown(bobs, "/calls") == [with_ruis, rang_at_bob]
        assert bobs.get(f"/calls/{others}").status_code == 404
        assert bobs.post(f"/calls/{others}/attach").status_code == 404
        assert len(shown(client_of(dora), "/calls")) == 3

    def test_it_sends_a_visitor_to_the_sign_in_page(self, visitor: FlaskClient) -> None:
        call_id = missed()
        for url in ("/calls", f"/calls/{call_id}", "/calls/for-contact/1", "/calls/for-lead/1"):
            assert visitor.get(url).status_code == 303


class TestCard:
    def test_it_tells_the_story_in_words(self, bobs: FlaskClient) -> None:
        page = bobs.get(f"/calls/{answered()}").text
        for sentence in (
            "Bob Agent (101) rings.",
            "Answered: Bob Agent (101).",
            "Ended after 1:05: Answered.",
        ):
            assert sentence in page

    def test_it_has_a_sentence_for_every_kind_of_fact(self, bobs: FlaskClient) -> None:
        for number, kind in enumerate(FactKind):
            for name in ("in_7", "out_7"):
                call_id = tell(kind, NOON + timedelta(seconds=number), name)
                assert bobs.get(f"/calls/{call_id}").text.count("list-group-item") > number
        raw = tell(FactKind.ENDED, NOON, "in_8", disposition_raw="abducted")
        assert "Ended: abducted." in bobs.get(f"/calls/{raw}").text

    def test_it_says_whose_phone_the_statistics_tell_of(self, bobs: FlaskClient) -> None:
        tell(FactKind.LISTED, NOON, "in_9", extension="102", disposition=Disposition.CANCELLED)
        end = {"disposition": Disposition.ANSWERED, "talk_seconds": 59}
        call_id = tell(FactKind.LISTED, NOON, "in_9", extension="101", **end)
        page = bobs.get(f"/calls/{call_id}").text
        assert "The PBX lists Extension 102: Cancelled." in page
        assert "The PBX lists Bob Agent (101): Answered, 0:59." in page

    def test_it_shows_what_was_written_after_the_call(self, bobs: FlaskClient, bob: User) -> None:
        call_id = answered()
        db.session.add(CallOutcome(code="quote", label="Wants a quote"))
        db.session.add(
            CallWrapup(
                call_id=call_id, user_id=bob.id, outcome="quote", note="12 windows", saved_at=NOON
            )
        )
        db.session.commit()
        page = bobs.get(f"/calls/{call_id}").text
        assert "Wants a quote" in page
        assert "12 windows" in page

    def test_it_is_not_there_for_an_unknown_number(self, bobs: FlaskClient) -> None:
        assert bobs.get("/calls/4711").status_code == 404


class TestAttach:
    def test_it_attaches_the_call_to_somebody_else_and_back(self, bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        rui = make_contact("Rui Dias")
        call_id = missed()
        answer = bobs.post(f"/calls/{call_id}/attach", data={"contact_id": rui.id})
        assert answer.status_code == 303
        assert whose(call_id) == (rui.id, True)
        page = bobs.get(answer.location).text
        assert "The call was with Rui Dias." in page
        bobs.post(undo_url(page))
        assert whose(call_id) == (ana.id, False)
        changes = db.session.scalars(JournalEntry.of("call", call_id)).all()
        assert [entry.shown for entry in reversed(changes)] == [
            {"contact": ["Ana Sousa", "Rui Dias"]},
            {"contact": ["Rui Dias", "Ana Sousa"]},
        ]

    def test_it_can_say_that_it_was_nobody(self, bobs: FlaskClient) -> None:
        make_contact("Ana Sousa", phones=("910 000 042",))
        call_id = missed()
        bobs.post(f"/calls/{call_id}/attach", data={"contact_id": ""})
        assert whose(call_id) == (None, True)
        assert "Ana Sousa" not in bobs.get("/calls").text

    def test_it_gives_the_number_to_the_contact_so_that_the_next_call_finds_it(
        self, bobs: FlaskClient
    ) -> None:
        rui = make_contact("Rui Dias")
        call_id = missed()
        form = {"contact_id": rui.id, "keeps_number": "1"}
        bobs.post(f"/calls/{call_id}/attach", data=form)
        again = missed(at=NOON + timedelta(hours=1), name="in_9")
        assert whose(again) == (rui.id, False)

    def test_it_finds_the_contact_while_the_name_is_typed(self, bobs: FlaskClient) -> None:
        make_contact("João Dias", phones=("910 000 077",))
        call_id = missed()
        page = bobs.get(f"/calls/{call_id}/attach?q=joao").text
        assert "João Dias" in page
        fragment = bobs.get(f"/calls/{call_id}/attach?q=joao", headers=HTMX).text
        assert "João Dias" in fragment
        assert "<html" not in fragment
        assert "No contact matches" in bobs.get(f"/calls/{call_id}/attach?q=xyzzy").text

    def test_it_refuses_a_contact_that_is_not_there(self, bobs: FlaskClient) -> None:
        call_id = missed()
        answer = bobs.post(f"/calls/{call_id}/attach", data={"contact_id": "4711"})
        assert answer.status_code == 404
        assert whose(call_id) == (None, False)

    def test_it_says_which_lead_the_call_was_about(self, bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        lead = make_lead("Windows", contact=ana)
        call_id = missed()
        assert "Windows" in bobs.get(f"/calls/{call_id}").text
        bobs.post(f"/calls/{call_id}/lead", data={"lead_id": lead.id})
        assert db.session.get_one(Call, call_id).lead_id == lead.id
        bobs.post(f"/calls/{call_id}/lead", data={"lead_id": ""})
        db.session.expire_all()
        assert db.session.get_one(Call, call_id).lead_id is None


class TestBoxes:
    def test_it_lists_the_calls_of_a_contact(self, bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        url = f"/calls/for-contact/{ana.id}"
        assert "No calls yet." in bobs.get(url, headers=HTMX).text
        call_id = missed()
        box = bobs.get(url, headers=HTMX).text
        assert f'href="/calls/{call_id}"' in box
        assert "<html" not in box
        assert "<html" in bobs.get(url).text

    def test_it_links_to_the_rest_when_there_are_more(self, bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        many_calls(11)
        box = bobs.get(f"/calls/for-contact/{ana.id}", headers=HTMX).text
        assert f'href="/calls?contact={ana.id}"' in box
        assert len(re.findall(r'href="/calls/\d+"', box)) == 10

    def test_it_lists_the_calls_about_a_lead_and_with_its_contact(self, bobs: FlaskClient) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        lead = make_lead("Windows", contact=ana)
        with_ana = missed()
        about = answered("+34600000042", at=NOON + timedelta(hours=1))
        db.session.get_one(Call, about).lead_id = lead.id
        db.session.commit()
        box = bobs.get(f"/calls/for-lead/{lead.id}", headers=HTMX).text
        assert re.findall(r'href="/calls/(\d+)"', box) == [str(about), str(with_ana)]

    def test_it_hides_the_box_of_a_contact_that_is_not_there(self, bobs: FlaskClient) -> None:
        assert bobs.get("/calls/for-contact/4711").status_code == 404
        assert bobs.get("/calls/for-lead/4711").status_code == 404


class TestLines:
    def test_it_lists_each_line_once(self, app: Flask) -> None:
        assert listing.lines() == []
        many_calls(20)
        missed(did="+351210000002", name="in_z")
        missed(did="", name="in_y")
        assert listing.lines() == [DID, "+351210000002"]


def many_calls(count: int) -> list[int]:
    """Put calls into the log, several in the same second; gives their ids, the latest first."""
    rows = [
        {
            "pbx_call_id": f"in_many_{number}",
            "direction": "inbound",
            "phase": "ended",
            "status": "missed",
            "outside_number": ANA,
            "did": DID,
            "started_at": NOON + timedelta(seconds=number // 3),
        }
        for number in range(count)
    ]
    db.session.execute(insert(Call), rows)
    db.session.commit()
    return list(
        db.session.scalars(select(Call.id).order_by(Call.started_at.desc(), Call.id.desc()))
    )


def link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else ""


def whose(call_id: int) -> tuple[int | None, bool]:
    db.session.expire_all()
    call = db.session.get_one(Call, call_id)
    return call.contact_id, call.contact_is_chosen


def undo_url(page: str) -> str:
    found = re.search(r'action="(/calls/\d+/attach\?[^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_the_colleague_filter_finds_the_missed_calls_that_rang_at_their_phone(
    bobs: FlaskClient, bob: User, dora: User
) -> None:
    first = missed(name="in_1")
    second = answered(name="in_2", at=NOON + timedelta(minutes=1))
    out = dialled(at=NOON + timedelta(hours=1))
    assert shown(bobs, f"/calls?user={bob.id}") == [second, first]
    assert shown(bobs, f"/calls?user={bob.id}&result=missed") == [first]
    assert shown(bobs, f"/calls?user={dora.id}") == [out]


def test_it_lists_the_calls_of_a_colleague_page_by_page(bobs: FlaskClient, bob: User) -> None:
    expected = [
        (missed if number % 2 else answered)(
            at=NOON + timedelta(minutes=number), name=f"in_{number}"
        )
        for number in range(60)
    ]
    first = bobs.get(f"/calls?user={bob.id}").text
    found = [int(number) for number in re.findall(r'<tr id="row-of-call-(\d+)"', first)]
    following = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert following is not None
    found += shown(bobs, following[1].replace("&amp;", "&"))
    assert found == expected[::-1]


def test_phones_that_rang_are_named_in_one_order_and_once(
    bobs: FlaskClient, bob: User, dora: User
) -> None:
    for name, extensions in (("in_1", ("101", "103")), ("in_2", ("103", "101", "103"))):
        for extension in extensions:
            tell(FactKind.RANG, NOON, name, caller=ANA, did=DID, extension=extension)
        end = NOON + timedelta(seconds=20)
        tell(FactKind.ENDED, end, name, caller=ANA, disposition=Disposition.CANCELLED)
    page = bobs.get("/calls").text
    assert page.count('title="Bob Agent, Dora Manager">2 phones rang</span>') == 2
