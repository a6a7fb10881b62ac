"""Pages are sent without the indentation of their templates, and fields as they were typed."""

import re

from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.demo import make_contact
from tests.calls.popup_story import ClientOf


def test_a_page_has_no_indentation_between_its_tags(client_of: ClientOf, bob: User) -> None:
    html = client_of(bob).get("/contacts").text
    assert "> <" in html
    assert not re.search(r">\s{2,}<(?!/textarea)", html)


def test_a_field_keeps_its_lines_and_an_empty_one_stays_empty(
    client_of: ClientOf, bob: User
) -> None:
    client: FlaskClient = client_of(bob)
    about = "First\n   second\n      third"
    contact = make_contact("Ana Sousa", about=about)
    field = r"<textarea[^>]*name=\"about\"[^>]*>\r?\n?(.*?)</textarea>"
    for address, typed in ((f"/contacts/{contact.id}/edit", about), ("/contacts/new", "")):
        found = re.search(field, client.get(address).text, re.DOTALL)
        assert found is not None
        assert found[1].replace("\r\n", "\n") == typed
