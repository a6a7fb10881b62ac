"""A refused field says why, in every form of the house: for the eye and for screen readers."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel.speaklater import LazyString
from wtforms import FieldList
from wtforms.form import BaseForm

from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, User
from crm_app.demo import make_contact, make_lead, make_task, make_user
from crm_app.extensions import db
from crm_app.leads import services as leads
from crm_app.leads.models import StageKind
from tests.calls.popup_story import answer, end, ring
from tests.reader import elements_of

# Forms whose refusal is shown in another way than at their fields, and how.
LEFT_OUT = {
    "calls.identify": "has nothing to type",
    "calls.keep_draft": "answers no page",
    "security.logout": "has nothing to type",
    "security.login": "does not tell which of the two was wrong",
}
# Shown only where a number rings that somebody in the bin has.
RARE = {"makes_new"}
HIDDEN = {"CSRFTokenField", "HiddenField"}
SENT = {"phones-0-number": "912345678", "emails-0-address": "ana@example.com"}


def sentence(field: Any) -> str:
    return f"{field.name} is refused here."


def refuse(field: Any) -> None:
    field.errors = [LazyString(lambda: sentence(field))]
    if isinstance(field, FieldList):
        for row in field.entries:
            for one in row.form:
                refuse(one)
        field.errors += [row.errors for row in field.entries]


def refused_in(form: BaseForm) -> list[str]:
    """List the sentences of a form and of the rows in it."""
    told = [sentence(field) for field in form if field.errors]
    for rows in (field for field in form if isinstance(field, FieldList)):
        fields = [one for row in rows for one in row.form if one.type != "BooleanField"]
        told += [sentence(one) for one in fields if one.errors]
    return told


def is_said(page: str, text: str) -> bool:
    """Tell whether something invalid on a page is described by an element that says this."""
    elements = elements_of(page)
    places = {one.get("id") for one in elements if text in one.text} - {""}
    invalid = [one for one in elements if one.get("aria-invalid") == "true"]
    return any(places & set(one.get("aria-describedby").split()) for one in invalid)


def has_focus(page: str, text: str) -> bool:
    """Whether the field that says this is the first that asks for the focus when a page opens."""
    elements = elements_of(page)
    asking = [
        one
        for one in elements
        if "autofocus" in one.attributes and not any(each.tag == "dialog" for each in one.parents)
    ]
    places = {one.get("id") for one in elements if text in one.text} - {""}
    return bool(asking and places & set(asking[0].get("aria-describedby").split()))


@pytest.fixture
def last_refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the last field of each form that was validated says: only that one is refused."""
    told: list[str] = []

    def validate(form: BaseForm, *_args: Any, **_named: Any) -> bool:
        shown = [one for one in form if one.type not in HIDDEN and one.name not in RARE]
        for field in shown:
            field.errors = []
        if shown:
            refuse(shown[-1])
            told.append(sentence(shown[-1]))
        return False

    monkeypatch.setattr(BaseForm, "validate", validate)
    return told


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[BaseForm]:
    """The forms that were validated; each refuses all of its fields, in lazy words."""
    forms: list[BaseForm] = []

    def validate(form: BaseForm, *_args: Any, **_named: Any) -> bool:
        for field in form:
            if field.type not in HIDDEN and field.name not in RARE:
                refuse(field)
        forms.append(form)
        return False

    monkeypatch.setattr(BaseForm, "validate", validate)
    return forms


@pytest.fixture
def addresses(app: Flask, alice: User) -> dict[str, str]:
    """The address of every form, by the names of their pages, with records behind them."""
    contact = make_contact("Ana", phones=("+351910000042",))
    lead = make_lead("Roof", contact=contact, responsible=alice)
    ring("100")
    answer("100")
    call = end()
    stranger = ring("100", pbx_call_id="in_2", caller="+351920000000")
    lost = leads.first_stage(StageKind.LOST)
    new = make_user("Bob")
    ids = {"contact_id": contact.id, "lead_id": lead.id, "call_id": call.id, "dial_id": 1}
    ids |= {"task_id": make_task("Write", assignee=alice).id, "stage_id": lost.id}
    token = links.make(LinkPurpose.INVITATION, new)
    reset = links.make(LinkPurpose.RESET, make_user("Carol"))
    db.session.commit()
    others = {"calls.make_lead": {"call_id": stranger.id}}
    tokens = {"accounts.invitation": token, "accounts.reset": reset}
    adapter = app.url_map.bind("localhost")
    return {
        rule.endpoint: adapter.build(
            rule.endpoint,
            {"user_id": new.id, "token": tokens.get(rule.endpoint, "none")}
            | {name: ids[name] for name in rule.arguments & ids.keys()}
            | others.get(rule.endpoint, {}),
            method="POST",
        ).partition("?")[0]
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and rule.endpoint not in LEFT_OUT
        and rule.arguments <= ids.keys() | {"user_id", "token"}
    }


def test_each_refused_field_of_every_form_says_why(
    addresses: dict[str, str],
    alice: User,
    client_of: Callable[[User], FlaskClient],
    seen: list[BaseForm],
) -> None:
    browser, silent, walked = client_of(alice), [], set()
    for endpoint, url in addresses.items():
        seen.clear()
        page = browser.post(url, data=SENT).text
        for form in seen:
            walked.add(type(form).__name__)
            silent += [
                f"{endpoint}: {text}" for text in refused_in(form) if not is_said(page, text)
            ]
    assert not silent
    assert {"ContactForm", "TaskForm", "LeadForm", "QuickForm", "PersonForm"} < walked
    assert {"NewPasswordForm", "WrapupForm", "LostForm", "StageForm", "NewLeadForm"} < walked


def test_the_first_administrators_form_says_why_each_field_is_refused(
    visitor: FlaskClient, seen: list[BaseForm]
) -> None:
    token = links.make(LinkPurpose.SET_UP)
    db.session.commit()
    page = visitor.post(f"/setup/{token}").text
    assert [text for form in seen for text in refused_in(form) if not is_said(page, text)] == []
    assert seen


def test_the_first_field_that_was_refused_has_the_focus_in_every_form(
    addresses: dict[str, str],
    alice: User,
    client_of: Callable[[User], FlaskClient],
    last_refused: list[str],
) -> None:
    browser, elsewhere, walked = client_of(alice), [], 0
    for endpoint, url in addresses.items():
        last_refused.clear()
        page = browser.post(url, data=SENT).text
        walked += len(last_refused)
        elsewhere += [f"{endpoint}: {text}" for text in last_refused if not has_focus(page, text)]
    assert not elsewhere
    assert walked > 20


def test_the_form_of_the_first_administrator_has_it_there_too(
    visitor: FlaskClient, last_refused: list[str]
) -> None:
    token = links.make(LinkPurpose.SET_UP)
    db.session.commit()
    page = visitor.post(f"/setup/{token}").text
    assert last_refused
    assert has_focus(page, last_refused[0])


def focus_of(page: str) -> str:
    """The name of the field that has the focus when a page opens, "" when none has."""
    asking = [one for one in elements_of(page) if "autofocus" in one.attributes]
    return asking[0].get("name") if asking else ""


@pytest.mark.parametrize(
    ("path", "typed", "wrong"),
    [
        ("/contacts/new", {"name": "Ana", "kind": "person", "emails-0-address": "a@@b"},
         "emails-0-address"),
        ("/contacts/new", {"name": " ", "kind": "person", "emails-0-address": "a@@b"}, "name"),
        ("/leads/new", {"title": "Roof", "value": "1.2.3"}, "value"),
        ("/tasks/new", {"title": "Call", "due_on": "2026-13-01"}, "due_on"),
        ("/people/new", {"name": "Dora", "email": "dora", "role": "agent"}, "email"),
        ("/people/rights", {"bin_days": "0", "second_factor_for": "nobody"}, "bin_days"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_the_focus_and_not_what_comes_before_it(
    alice: User,
    client_of: Callable[[User], FlaskClient],
    path: str,
    typed: dict[str, str],
    wrong: str,
) -> None:
    page = client_of(alice).post(path, data=typed)
    assert page.status_code == 422
    assert focus_of(page.text) == wrong


def test_a_page_that_opens_has_the_focus_in_its_first_field(
    alice: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(alice)
    for path, first in (
        ("/contacts/new", "name"),
        ("/leads/new", "title"),
        ("/tasks/new", "title"),
    ):
        assert focus_of(browser.get(path).text) == first


def test_a_refused_sign_in_has_the_focus_in_the_password(visitor: FlaskClient) -> None:
    typed = {"email": "ana@example.com", "password": "wrong"}
    assert focus_of(visitor.post("/login", data=typed).text) == "password"
    assert focus_of(visitor.post("/login", data={"email": "", "password": ""}).text) == "email"
