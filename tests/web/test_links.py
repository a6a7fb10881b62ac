"""No page of the sample office offers an address that its reader cannot open."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import parse_qsl, urldefrag, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import demo_office
from crm_app.accounts.models import Role, User
from crm_app.accounts.services import change_office
from crm_app.extensions import db

ADDRESS = re.compile(r'(?:href|hx-get|data-href)="(/[^"]*)"')
# What ends the walk, and what is no page.
LEFT_OUT = ("/logout", "/static/", "/live")
PAGES = 100


def addresses_in(page: str) -> Iterator[str]:
    """Give the addresses that a page offers."""
    for found in ADDRESS.findall(page):
        address = urldefrag(unescape(found)).url
        if not address.startswith(LEFT_OUT):
            yield address


def shape_of(address: str) -> tuple[str, frozenset[str]]:
    """Give what two addresses share that ask the same of the same page, with other values."""
    parts = urlsplit(address)
    return parts.path, frozenset(name for name, value in parse_qsl(parts.query) if value)


def walk(browser: FlaskClient) -> dict[str, list[str]]:
    """Open every address that can be reached from the first page; give the dead ones, and where."""
    dead: dict[str, list[str]] = {}
    waiting, seen = [("/", "")], {shape_of("/")}
    while waiting:
        address, offered_on = waiting.pop()
        answer = browser.get(address)
        if answer.status_code >= 400:
            dead.setdefault(offered_on, []).append(address)
        for further in addresses_in(answer.text if answer.mimetype == "text/html" else ""):
            if shape_of(further) not in seen:
                seen.add(shape_of(further))
                waiting.append((further, address))
    assert len(seen) > PAGES
    return dead


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
def test_it_offers_no_address_that_cannot_be_opened(
    app: Flask, client_of: Callable[[User], FlaskClient], role: Role
) -> None:
    demo_office.load(calls=60)
    reader = db.session.scalars(db.select(User).where(User.role == role).order_by(User.id)).first()
    assert reader is not None
    # The administrator sees all; the agent works where everybody sees only their own.
    change_office("", restricts_agents=role is Role.AGENT, by=reader)
    db.session.commit()
    assert not walk(client_of(reader))
