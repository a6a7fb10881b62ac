"""Passkeys: challenges for the browser, and the check of its answers; the caller commits."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.second_factor.models import Passkey
from crm_app.accounts.second_factor.sites import Site
from crm_app.errors import InvalidInputError
from crm_app.extensions import db

NAME_LENGTH = 60
CHALLENGE_BYTES = 32
HANDLE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the browser must sign, and since when."""

    text: str
    made_at: datetime

    @classmethod
    def new(cls) -> "Challenge":
        """Make one at random."""
        text = base64.urlsafe_b64encode(secrets.token_bytes(CHALLENGE_BYTES)).decode().rstrip("=")
        return cls(text, clock.now())

    @property
    def signed(self) -> bytes:
        """Return its bytes."""
        return base64url_to_bytes(self.text)


def options_for_new(user: User, site: Site, challenge: Challenge) -> str:
    """Write, as JSON, what the browser needs to make a passkey."""
    theirs = factors.passkeys_of(user)
    # The same for all passkeys of a user: with another one, devices would show a second account.
    known = base64url_to_bytes(theirs[0].user_handle) if theirs else b""
    options = generate_registration_options(
        rp_id=site.host,
        rp_name="Ramal",
        user_id=known or secrets.token_bytes(HANDLE_BYTES),
        user_name=user.email,
        user_display_name=user.name,
        challenge=challenge.signed,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[_descriptor(passkey) for passkey in theirs],
    )
    return options_to_json(options)


def add(
    user: User, site: Site, challenge: Challenge, answer: str, *, handle: str, name: str
) -> list[str]:
    """Store the passkey that the browser made; gives new recovery codes if there were none.

    `handle` is the user's id of `options_for_new`. Raises InvalidInputError: passkey_name (on
    `name`), passkey_known or passkey_refused.
    """
    if not name or len(name) > NAME_LENGTH:
        raise InvalidInputError("passkey_name", "name", maximum=NAME_LENGTH)
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge.signed,
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError("passkey_refused") from error
    credential_id = bytes_to_base64url(made.credential_id)
    if db.session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)):
        raise InvalidInputError("passkey_known")
    db.session.add(
        Passkey(
            user_id=user.id,
            credential_id=credential_id,
            public_key=bytes_to_base64url(made.credential_public_key),
            user_handle=handle,
            sign_count=made.sign_count,
            name=name,
        )
    )
    db.session.flush()
    return factors.added(user, factors.PASSKEY)


def options_for_sign_in(user: User | None, site: Site, challenge: Challenge) -> str:
    """Write, as JSON, what the browser needs to sign in by a passkey.

    For a user who has given the password: any of theirs. Without a user: any that the browser has,
    with user verification; so the options do not reveal who has an account.
    """
    theirs = factors.passkeys_of(user) if user else []
    verification = (
        UserVerificationRequirement.PREFERRED if user else UserVerificationRequirement.REQUIRED
    )
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge.signed,
        allow_credentials=[_descriptor(passkey) for passkey in theirs],
        user_verification=verification,
    )
    return options_to_json(options)


def owner(user: User | None, site: Site, challenge: Challenge, answer: str) -> User | None:
    """Return the user whose passkey signed the challenge; None when it is not valid.

    Without `user` the device must have verified its user. Each challenge can be used for one
    sign-in.
    """
    passkey = _named_in(answer)
    if passkey is None or (user is not None and passkey.user_id != user.id):
        return None
    try:
        proved = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge.signed,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=user is None,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    if not _use(passkey, challenge, proved.new_sign_count):
        return None
    found = db.session.get(User, passkey.user_id)
    return found if found is not None and found.active else None


def _named_in(answer: str) -> Passkey | None:
    try:
        credential = parse_authentication_credential_json(answer)
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    name = bytes_to_base64url(credential.raw_id)
    passkey = db.session.scalar(select(Passkey).where(Passkey.credential_id == name))
    handle = credential.response.user_handle
    if passkey is None or (handle and bytes_to_base64url(handle) != passkey.user_handle):
        return None
    return passkey


def _use(passkey: Passkey, challenge: Challenge, sign_count: int) -> bool:
    # A challenge older than the passkey's last use may be a replay.
    used = db.session.execute(
        update(Passkey)
        .where(
            Passkey.id == passkey.id,
            or_(Passkey.used_at.is_(None), Passkey.used_at < challenge.made_at),
        )
        .values(used_at=clock.now(), sign_count=sign_count)
        .execution_options(synchronize_session=False)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _descriptor(passkey: Passkey) -> Any:
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey.credential_id))
