"""Whose records the lists can be narrowed to."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.extensions import db

ClientOf = Callable[[User], FlaskClient]


def test_it_names_the_disabled_last_and_says_so(app: Flask, bob: User, carol: User) -> None:
    bob.active = False
    make_user("Aaron", active=False)

    assert [name for _id, name in colleagues()] == [
        "Carol Agent",
        "Aaron (disabled)",
        "Bob Agent (disabled)",
    ]


@pytest.mark.parametrize("path", ["/contacts", "/leads", "/tasks?assignee=all", "/calls"])
def test_it_offers_disabled_colleagues_in_the_filter_of_every_list(
    app: Flask, bob: User, carol: User, client_of: ClientOf, path: str
) -> None:
    carol.active = False
    db.session.commit()

    html = client_of(bob).get(path).text

    offered = rf'<option value="{carol.id}"\s*>Carol Agent \(disabled\)</option>'
    assert re.search(offered, html)
