"""The office's texts for messages: kept by administrators, filled in for everybody."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.messages import templates
from crm_app.telephony.messages.models import TEMPLATE_LENGTH, TEMPLATE_NAME_LENGTH
from tests.telephony.conftest import set_switches
from tests.telephony.messages.conftest import HTMX

ClientOf = Callable[[User], FlaskClient]
TEXT = "Good morning, {name}! {me} from Ramal."


@pytest.mark.parametrize(
    ("text", "field", "code"),
    [
        ("", "text", "required"),
        ("Hello {who}", "text", "place_unknown"),
        ("Hello {Name}", "text", "brace_alone"),
        ("Hello {name", "text", "brace_alone"),
        ("Hello } there", "text", "brace_alone"),
        ("a" * (TEMPLATE_LENGTH + 1), "text", "too_long"),
    ],
)
def test_one_that_cannot_be_filled_in_is_refused(
    alice: User, text: str, field: str, code: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        templates.add("Greeting", text, alice)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_names_are_there_once_and_short(alice: User) -> None:
    templates.add("Greeting", TEXT, alice)
    for name, code in (("Greeting", "name_taken"), ("a" * (TEMPLATE_NAME_LENGTH + 1), "too_long")):
        with pytest.raises(InvalidInputError) as refused:
            templates.add(name, TEXT, alice)
        assert refused.value.code == code


def test_names_are_put_in_and_what_is_not_known_leaves_no_gap(app: Flask, bob: User) -> None:
    company = make_contact("Sousa Lda", kind=ContactKind.COMPANY)
    ana = make_contact("Ana", company=company)
    stranger = make_contact("+351 910 000 042")
    text = "Hello {name}, is all well at {company} ? {me}"
    assert templates.fill(text, ana, bob) == "Hello Ana, is all well at Sousa Lda? Bob Agent"
    assert templates.fill(text, company, bob).startswith("Hello Sousa Lda, is all well at Sousa")
    for nobody in (stranger, None):
        assert templates.fill(text, nobody, bob) == "Hello, is all well at? Bob Agent"


def test_administrators_keep_them_and_everybody_uses_them(
    connected: Flask, alice: User, bob: User, client_of: ClientOf
) -> None:
    set_switches(connected, sms="on")
    admin, agent = client_of(alice), client_of(bob)
    contact = make_contact("Ana", phones=("+351910000042",))
    db.session.commit()
    pages = "/messages/templates"

    def ask(browser: FlaskClient, path: str = pages, **form: str) -> tuple[int, str]:
        answer = browser.post(path, data=form) if form else browser.get(path)
        db.session.rollback()
        return answer.status_code, answer.text

    assert ask(agent)[0] == ask(agent, name="x", text="y")[0] == 403
    for _again in range(2):
        assert ask(admin, name="Greeting", text=TEXT, form_key="k")[0] == 303
    status, page = ask(admin, name="Other", text="{who}")
    assert status == 422
    assert "There is no {who}. Use {name}, {company} or {me}." in page
    (row,) = templates.everything()
    assert ask(admin, f"{pages}/{row.id}", name="Hi", text="Hi {name}")[0] == 303
    filled = agent.get(f"/messages/contact/{contact.id}?template={row.id}", headers=HTMX).text
    db.session.rollback()
    assert "Hi Ana</textarea>" in filled
    for _again in range(2):
        assert ask(admin, f"{pages}/{row.id}/remove", x="")[0] == 303
    assert templates.everything() == []
