"""The search box of the top bar, and its page."""

from typing import Any

from flask import Blueprint, current_app, render_template, request

from crm_app.accounts.current import me
from crm_app.calls.listing import possible_contacts
from crm_app.contacts.listing import ContactFilter
from crm_app.search.services import find, stranger_of
from crm_app.text import clean
from crm_app.web.fragments import page_or_fragment

bp = Blueprint("search", __name__, url_prefix="/search")
MOST_SHOWN = 5
MOST_ON_PAGE = 25


@bp.get("")
def index() -> str:
    """Show all that fits what was typed."""
    return render_template("search/index.html", **_found(MOST_ON_PAGE))


@bp.get("/suggestions")
def suggestions() -> str:
    """Show the first of what fits, below the search box."""
    return page_or_fragment("search/index.html", "search/_suggestions.html", **_found(MOST_SHOWN))


def _found(limit: int) -> dict[str, Any]:
    q = clean(request.args.get("q"))[:200]
    hits = find(me(), q, limit)
    return {
        "q": q,
        "hits": hits,
        "people": possible_contacts(
            [
                *(written.call for written in hits.write_ups),
                *(said.recording.call for said in hits.said),
            ],
            me(),
        ),
        "prefill": ContactFilter(q=q).prefill,
        "stranger": None if hits.contacts else stranger_of(me(), q, _country()),
    }


def _country() -> str:
    return str(current_app.config["DEFAULT_COUNTRY"])
