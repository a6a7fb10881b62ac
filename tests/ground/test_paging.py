"""Pages by key: every row once, forwards and backwards, whatever comes in between."""

import base64
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.paging import Page, fetch_page

KEYS = [User.name, User.id]


def page(cursor: str = "", *, descending: bool = False, size: int = 3) -> Page[User]:
    return fetch_page(
        db.session, select(User), KEYS, cursor=cursor, descending=descending, size=size
    )


@pytest.mark.parametrize("descending", [False, True])
def test_it_walks_through_all_rows_once_and_back_again(app: Flask, descending: bool) -> None:
    for index in range(8):
        make_user(f"Same {index % 2}", email=f"{index}@example.com")
    seen, current = [], page(descending=descending)
    pages = [current]
    seen += [user.id for user in current.rows]
    while current.next:
        current = page(current.next, descending=descending)
        pages.append(current)
        seen += [user.id for user in current.rows]
    assert len(seen) == len(set(seen)) == 8
    assert not pages[0].previous
    for earlier in reversed(pages[:-1]):
        current = page(current.previous, descending=descending)
        assert [user.id for user in current.rows] == [user.id for user in earlier.rows]
    assert not current.previous


def test_it_neither_skips_nor_repeats_when_rows_come_in_between(app: Flask) -> None:
    for name in ("b", "d", "f", "h"):
        make_user(name)
    first = page(size=2)
    make_user("a")
    make_user("e")
    assert [user.name for user in page(first.next, size=2).rows] == ["e", "f"]


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WyJuIixbMV1d", "%00", "é"])
def test_it_shows_page_one_for_a_cursor_that_cannot_be_read(app: Flask, cursor: str) -> None:
    make_user("a")
    assert [user.name for user in page(cursor).rows] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        '[[],["a",1]]',
        '[{},["a",1]]',
        '["n",["0001-01-01T00:00:00+10:00",1]]',
        '["n",["9999-12-31T23:59:59-10:00",1]]',
        '["n",[1e400,1]]',
        "[" * 3_000,
    ],
)
@pytest.mark.parametrize("first", [User.name, User.created_at])
def test_it_shows_page_one_for_whatever_somebody_packed_into_a_cursor(
    app: Flask, text: str, first: InstrumentedAttribute[Any]
) -> None:
    make_user("a")
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    found = fetch_page(db.session, select(User), [first, User.id], cursor=cursor)
    assert [user.name for user in found.rows] in (["a"], [])


def test_it_offers_no_neighbours_of_a_single_page(app: Flask) -> None:
    make_user("a")
    only = page()
    assert (only.previous, only.next) == ("", "")
