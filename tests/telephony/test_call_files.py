"""A list of calls that an administrator uploads: shown first, then taken in, once."""

import io
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.telephony.call_files import views
from crm_app.telephony.call_files.models import CallFile, CallFilePiece
from crm_app.telephony.call_files.services import JOB
from tests.owed import perform
from tests.telephony.test_cabinet_file import CABINET, EXPECTED

FILES = "/telephony/history/files"


@pytest.fixture
def browser(connected: Flask, alice: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    return client_of(alice)


def upload(browser: FlaskClient, content: bytes, name: str = "calls.csv") -> str:
    """Upload a file and let it be checked; gives the address of its page."""
    answer = browser.post(FILES, data={"file": (io.BytesIO(content), name)})
    assert answer.status_code == 303, answer.text
    perform(JOB)
    return str(answer.location)


def counts(browser: FlaskClient, page: str) -> dict[str, int]:
    """Read what the page says."""
    text = browser.get(page).text
    return {
        name: int(text.partition(f'data-count="{name}">')[2].partition("<")[0])
        for name in ("new", "completed", "same", "refused")
    }


def calls() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Call.id))) or 0


def test_it_says_what_would_happen_then_does_it_and_the_second_time_nothing(
    browser: FlaskClient,
) -> None:
    page = upload(browser, CABINET.read_bytes())
    said = {"new": 6, "completed": 1, "same": 0, "refused": 0}
    assert counts(browser, page) == said
    assert calls() == 0
    assert browser.post(f"{page}/take").status_code == 303
    perform(JOB)
    assert counts(browser, page) == said
    found = set(db.session.scalars(select(Call.pbx_call_id)))
    assert found == {one["pbx_call_id"] for one in EXPECTED}
    # Old calls have no consequences, and nothing of the file is kept.
    assert set(db.session.scalars(select(Job.kind))) == {JOB}
    assert db.session.scalar(select(func.count()).select_from(CallFilePiece)) == 0
    again = upload(browser, CABINET.read_bytes())
    assert counts(browser, again) == {"new": 0, "completed": 0, "same": 7, "refused": 0}
    assert "There is nothing to take in." in browser.get(again).text
    assert calls() == 6


def test_each_refused_record_is_named_with_its_reason_before_and_after(
    browser: FlaskClient,
) -> None:
    lines = CABINET.read_text("utf-8").splitlines()
    lines[3] = lines[3].replace("2026-03-02 09:16:40", "yesterday")
    lines[4] = lines[4].rpartition(";")[0] + ";"
    lines.append(";out;0;2026-03-02 09:25:00;351210000001;351910000379;answered;5;out_" + "7" * 40)
    page = upload(browser, "\r\n".join(lines).encode())
    for verb in ("", "/take"):
        if verb:
            browser.post(page + verb)
            perform(JOB)
        assert counts(browser, page) == {"new": 4, "completed": 1, "same": 0, "refused": 3}
        row = db.session.scalars(select(CallFile)).one()
        assert row.refusals == [[3, "date_unreadable"], [4, "id_missing"], [8, "phantom"]]
        text = browser.get(page).text
        assert "Its date cannot be read." in text
        assert "a trunk listed it twice" in text
        db.session.rollback()
    assert calls() == 4


def test_it_goes_on_where_it_was_when_it_is_cut_off(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_app.telephony.call_files.services.CALLS_AT_ONCE", 2)
    page = upload(browser, CABINET.read_bytes())
    for _step in range(2):
        assert 'data-call-file="checking"' in browser.get(page).text
        db.session.rollback()
        perform(JOB)
    browser.post(f"{page}/take")
    perform(JOB)
    assert calls() == 2
    assert 'data-call-file="running"' in browser.get(page).text
    for _step in range(2):
        db.session.rollback()
        perform(JOB)
    assert calls() == 6
    assert 'data-call-file="done"' in browser.get(page).text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty."),
        (b"a;b;c\n1;2;3\n", "This is not the cabinet&#39;s list of calls"),
        (b"x" * 2001, "The command flask calls import takes larger ones."),
    ],
)
def test_what_is_no_list_of_calls_is_refused_in_a_sentence(
    browser: FlaskClient, content: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_BYTES", 2000)
    answer = browser.post(FILES, data={"file": (io.BytesIO(content), "calls.csv")})
    assert answer.status_code == 422
    assert says in answer.text
    assert db.session.scalar(select(func.count(CallFile.id))) == 0


def test_it_can_be_discarded_until_it_is_being_taken_in(browser: FlaskClient) -> None:
    page = upload(browser, CABINET.read_bytes())
    assert browser.post(f"{page}/discard").location == FILES
    assert browser.get(page).status_code == 404
    page = upload(browser, CABINET.read_bytes())
    browser.post(f"{page}/take")
    assert browser.post(f"{page}/discard").location == page
    perform(JOB)
    assert calls() == 6


def test_the_page_of_old_calls_leads_to_it(browser: FlaskClient) -> None:
    assert f'hx-get="{FILES}"' in browser.get("/telephony/history").text
    part = browser.get(FILES, headers={"HX-Request": "true"}).text
    assert 'type="file"' in part
    assert "<html" not in part
