"""Asks the PBX about the connection, and stores what it answers.

The API must never be asked inside a transaction, so these are no verbs: they commit first, and
store the answer in a transaction of its own.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flask import current_app

from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.connection import Link, LinkCache, client_for
from crm_app.telephony.dialling import placing
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import call_me, registration
from crm_app.telephony.setup.health_checks import webhook_url
from crm_app.telephony.setup.registration import Registration, UnreachedError
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

Wait = Callable[[float], object]


def current_link() -> Link:
    """Return the connection as it is stored now."""
    links: LinkCache = current_app.extensions["telephony_links"]
    return links.read()


def our_address() -> str:
    """Return the address that the PBX must post to."""
    config: Config = current_app.extensions["settings"]
    return webhook_url(config, current_link().token)


@contextmanager
def client_of(link: Link, wait: Wait | None = None) -> Iterator[ZadarmaClient]:
    """Give a client of the API, outside of any transaction. Commits first.

    `wait` sleeps for a number of seconds until a request may be made; without it, one too many is
    refused. Raises ZadarmaError (NOT_AUTHORISED) when there are no keys.
    """
    # The office's writes would wait for the answer.
    db.session.commit()
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    client = client_for(link, config, counter, wait=wait)
    if client is None:
        raise ZadarmaError(ErrorCode.NOT_AUTHORISED, "There are no keys.")
    try:
        yield client
    finally:
        client.close()


def probe(link: Link) -> services.Probe:
    """Test a connection: ask the API for balance, clock and extensions. Commits first."""
    try:
        with client_of(link) as client:
            return services.probe(client)
    except ZadarmaError as error:
        return services.Probe(error=error.code)


def register(wait: Wait | None = None, by: User | None = None) -> Registration:
    """Let the PBX post all notifications to our address, and store what it has then. Commits.

    Raises UnreachedError and ZadarmaError, which are stored too.
    """
    address = our_address()
    try:
        with client_of(current_link(), wait) as client:
            done = registration.register(client, address)
    except UnreachedError:
        registration.keep_reached(is_reached=False, address=address)
        db.session.commit()
        raise
    except ZadarmaError as error:
        _keep_error(error)
        raise
    registration.keep(done.after, address)
    registration.keep_reached(is_reached=True, address=address)
    if done.has_changed:
        services.note_registered(by)
    db.session.commit()
    return done


def fetch() -> tuple[services.Probe, registration.Look | None]:
    """Ask the PBX about everything that the office must hear of when it changes."""
    link, address = current_link(), our_address()
    if not link.is_connected:
        return services.Probe(), None
    try:
        with client_of(link) as client:
            found = services.probe(client)
            seen = None if found.error else registration.look_and_reach(client, address)
    except ZadarmaError as error:
        return services.Probe(error=error.code), None
    return found, seen


def keep(found: services.Probe, seen: registration.Look | None) -> None:
    """Store what `fetch` gave; does not commit."""
    if not TelephonySettings.current().is_connected:
        return
    services.keep(found)
    if seen is not None:
        keep_look(seen, our_address())


def keep_look(seen: registration.Look, address: str) -> None:
    """Store where the PBX posts, and whether it reached our address; does not commit."""
    registration.keep(seen.found, address)
    if seen.is_reached is not None:
        registration.keep_reached(is_reached=seen.is_reached, address=address)


def ask(lamp: str, wait: Wait | None = None) -> ErrorCode | None:
    """Ask the PBX what one lamp shows; returns what went wrong, None for nothing. Commits."""
    step, link, address = STEPS.get(lamp), current_link(), our_address()
    if step is None or not link.is_connected:
        return None
    try:
        with client_of(link, wait) as client:
            found = step(client, address)
    except ZadarmaError as error:
        _keep_error(error)
        return error.code
    if isinstance(found, services.Probe):
        services.keep(found)
    else:
        keep_look(found, address)
    db.session.commit()
    return None


def ask_all(wait: Wait | None = None) -> None:
    """Ask the PBX about everything, until it does not answer. Commits."""
    for lamp in STEPS:
        if ask(lamp, wait) is not None:
            return


def ring(user: User) -> int:
    """Let the PBX ring a user's phone and connect it with its echo test; gives the dial request."""
    user_id, extension = user.id, user.extension or ""
    with contextlib.ExitStack() as held:
        client = None
        with contextlib.suppress(ZadarmaError):
            client = held.enter_context(client_of(current_link()))
        return placing.place_test(user_id, extension, call_me.ECHO_TEST, client)


Found = services.Probe | registration.Look
STEPS: Mapping[str, Callable[[ZadarmaClient, str], Found]] = {
    "keys": lambda client, _address: services.Probe(balance=client.balance()),
    "clock": lambda client, _address: services.Probe(clock=client.timezone()),
    "extensions": lambda client, _address: services.Probe(extensions=client.extensions().numbers),
    "echo": registration.look_and_reach,
}


def _keep_error(error: ZadarmaError) -> None:
    db.session.rollback()
    if TelephonySettings.current().is_connected:
        services.keep(services.Probe(error=error.code))
    db.session.commit()
