"""The jobs that keep fresh what routing knows of the PBX: its phones and its numbers."""

import contextlib
from datetime import timedelta

from flask import current_app

from crm_app.extensions import db
from crm_app.jobs.runner import Kind, Payload
from crm_app.telephony import services
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.routing import black_list, phones
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.replies import DirectNumber


def ask_phones(_payload: Payload) -> dict[str, bool | None]:
    """Ask the PBX which phones are registered."""
    client, extensions, patience = _client(), phones.due(), phones.patience()
    db.session.rollback()
    if client is None or not extensions:
        return {}
    with contextlib.closing(client):
        return phones.ask(client, extensions, patience)


def keep_phones(_payload: Payload, found: dict[str, bool | None]) -> None:
    """Store which phones are registered."""
    phones.keep(found)
    if any(answer is not None for answer in found.values()):
        services.note_success()


def ask_numbers(_payload: Payload) -> tuple[DirectNumber, ...] | None:
    """Ask the PBX for the account's numbers; None when it is not connected."""
    client = _client()
    if client is None:
        return None
    with contextlib.closing(client):
        return client.direct_numbers()


def keep_numbers(_payload: Payload, numbers: tuple[DirectNumber, ...] | None) -> None:
    """Store the account's numbers."""
    if numbers is not None:
        services.keep_numbers(numbers)


def forget_blocked(_payload: Payload) -> None:
    """Delete what has long not been in force on the black list."""
    black_list.forget_expired()


KINDS = (
    Kind("black_list", forget_blocked, every=timedelta(days=1)),
    Kind("phones", keep_phones, every=phones.ASKED_EVERY, fetch=ask_phones),
    Kind("direct_numbers", keep_numbers, every=timedelta(days=1), fetch=ask_numbers),
)


def _client() -> ZadarmaClient | None:
    links: LinkCache = current_app.extensions["telephony_links"]
    link = links.read()
    return client_for(link, current_app.extensions["settings"], current_app.extensions["counter"])
