"""How dates, numbers, money and phone numbers are shown to this user."""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_babel import (
    format_currency,
    format_date,
    format_datetime,
    format_time,
    get_locale,
    get_timezone,
)
from flask_babel import gettext as _
from flask_login import current_user
from jinja2.filters import do_truncate
from markupsafe import Markup, escape

from crm_app import clock, phone_numbers
from crm_app.initials import initials
from crm_app.local_time import LocalTime
from crm_app.web import sent_forms
from crm_app.web.display import navigation

PROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"
LANGUAGES = {"en": "English", "pt": "Português"}
# The locale whose dates and money go with a language: plain "pt" would mean Brazil, and plain "en"
# the United States.
LOCALES = {"en": "en_GB", "pt": "pt_PT"}
# How `truncate` ends what it has cut.
_CUT = "..."


def register(app: Flask) -> None:
    """Bind the filters and globals to an application's templates."""
    app.jinja_env.filters.update(
        phone=phone,
        with_calls=with_calls,
        when=when,
        day=day,
        clock_time=clock_time,
        money=money,
        duration=duration,
        initials=initials,
    )
    # Lists are long: do not send the whitespace around template tags.
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        # Imported macros see globals only, not what Flask-Login adds to a page.
        current_user=current_user,
        icon=icon,
        languages=LANGUAGES,
        get_locale=get_locale,
        url_with=url_with,
        once_field=sent_forms.field,
        navigation=navigation.entries,
        version=tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"],
        has_page=lambda endpoint: endpoint in current_app.view_functions,
    )


def choose_locale() -> str:
    """Choose the locale that goes with the chosen language."""
    return LOCALES[choose_language()]


def choose_language() -> str:
    """Choose the user's own language, else the browser's, else the office's."""
    office: str = current_app.config["DEFAULT_LANGUAGE"]
    if not has_request_context():
        return office
    own = getattr(current_user, "language", "") if current_user else ""
    return own if own in LANGUAGES else (_language_of_browser() or office)


def _language_of_browser() -> str:
    """Return the browser's preferred language among ours, "" when it wants none of them."""
    # Not by `best_match`: it prefers pt to en-US whatever the order, because only pt matches fully.
    for wanted, quality in request.accept_languages:
        language = wanted.partition("-")[0].lower()
        if quality > 0 and language in LANGUAGES:
            return language
    return ""


def choose_timezone() -> str:
    """Choose the user's own time zone, else the office's."""
    own = getattr(current_user, "timezone", "") if current_user else ""
    office: str = current_app.config["DEFAULT_TIMEZONE"]
    return own or office


def phone(number: str | None) -> str:
    """Write an E.164 number the way people of this office read it."""
    return phone_numbers.show(number or "", current_app.config["DEFAULT_COUNTRY"])


def with_calls(text: str | None, most: int = 0) -> Markup:
    """Turn the phone numbers in a text into call buttons; the rest is escaped.

    With `most`, what is longer is cut as `truncate` does: a number that is cut is none, as what is
    left of it may be another's.
    """
    whole = text or ""
    shown = do_truncate(current_app.jinja_env, whole, most) if most else whole
    if "dialling.dial" not in current_app.view_functions:
        return escape(shown)
    end = "" if shown == whole else _CUT
    pieces = _cut(
        phone_numbers.split(whole, current_app.config["DEFAULT_COUNTRY"]), len(shown) - len(end)
    )
    button = Markup(
        '<button type="submit" form="call-anywhere" name="number" value="{}" class="btn-in-text"'
        ' data-call-number="{}" aria-label="{}">{}</button>'
    )
    return Markup("").join(
        button.format(number, number, _("Call %(who)s", who=phone(number)), piece)
        if number
        else escape(piece)
        for piece, number in (*pieces, (end, ""))
    )


def _cut(pieces: Iterable[tuple[str, str]], length: int) -> Iterator[tuple[str, str]]:
    """Give the pieces of a text up to a length; a number that goes beyond is no number."""
    for piece, number in pieces:
        yield piece[:length], number if len(piece) <= length else ""
        length = max(length - len(piece), 0)


def when(moment: datetime | None) -> str:
    """Format a moment as briefly as its distance allows: 10:42, yesterday 10:42, 3 Mar 10:42."""
    if moment is None:
        return ""
    zone = get_timezone()
    local, today = moment.astimezone(zone), LocalTime(clock.now(), zone).today
    time: str = format_time(moment, "short")
    if local.date() == today:
        return time
    if local.date() == today - timedelta(days=1):
        return str(_("yesterday %(time)s", time=time))
    if local.date() == today + timedelta(days=1):
        return str(_("tomorrow %(time)s", time=time))
    if local.year == today.year:
        return f"{format_datetime(moment, 'd MMM')} {time}"
    return str(format_datetime(moment, "short"))


def day(moment: datetime | None) -> str:
    """Write the day of a moment in the user's zone and language."""
    return format_date(moment, "medium") if moment else ""


def clock_time(moment: datetime | None) -> str:
    """Write the time of day of a moment in the user's zone."""
    return format_time(moment, "short") if moment else ""


def money(cents: int | None, currency: str = "EUR") -> str:
    """Write an amount of minor units as money in the user's language."""
    return "" if cents is None else format_currency(cents / 100, currency)


def duration(seconds: int | None) -> str:
    """Write seconds as 0:42, 12:05 or 1:02:03."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def icon(name: str, label: str = "", extra: str = "") -> Markup:
    """Draw an icon of the vendored set; without a label it is hidden from screen readers."""
    if "icon_sprite" not in g:
        # A page of fifty rows draws at least fifty icons: look the address up once.
        g.icon_sprite = url_for("static", filename="vendor/icons/icons.svg")
    return _drawn(g.icon_sprite, name, str(label), extra)


@lru_cache(maxsize=1_000)
def _drawn(sprite: str, name: str, label: str, extra: str) -> Markup:
    meaning = (
        Markup('role="img" aria-label="{}"').format(label)
        if label
        else Markup('aria-hidden="true"')
    )
    return Markup('<svg class="{}" {}><use href="{}#{}" /></svg>').format(
        f"icon {extra}".strip(), meaning, sprite, name
    )


def url_with(**changes: Any) -> str:
    """Return this page's address with some query values changed ("" or None removes one)."""
    query: dict[str, Any] = request.args.to_dict(flat=False)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = [str(value)]
    # Not by url_for, which would interpret some query names as its own arguments.
    page = url_for(request.endpoint or "home.index", **(request.view_args or {}))
    return f"{page}?{urlencode(query, doseq=True)}" if query else page
