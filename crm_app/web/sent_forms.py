"""A form that is sent twice adds one record: a double click, a held key, a lost answer."""

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from flask import request
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock, database
from crm_app.extensions import Model, db

FIELD = "form_key"
# Fields that differ between submissions without the user typing, or that must not be hashed.
HOUSEKEEPING = {"csrf_token", "back", "draft", "proof_password"}
KEEPS_FOR = timedelta(days=2)

T = TypeVar("T")


class SentForm(Model):
    """A form that added a record: a hash of its key and contents, and the record's id."""

    __tablename__ = "sent_form"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    record_id: Mapped[int | None]
    sent_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)


def field() -> Markup:
    """Render the hidden field with the unique key of a form that adds a record."""
    return Markup('<input type="hidden" name="{}" value="{}" />').format(
        FIELD, secrets.token_urlsafe(16)
    )


def made(model: type[Any], make: Callable[[], T], gone: str = "deleted_at") -> T:
    """Return the record that this same form already added, else the one that `make` adds.

    Of two that come at once the second waits until the first one's transaction ends. What was
    refused (`make` raises, gives None, or nothing is committed), changed, or is in the bin since
    counts as not sent; `gone` is the column that says when. The caller commits.
    """
    digest = _digest()
    if digest is None:
        return make()
    sent = _held(digest)
    before = db.session.get(model, sent.record_id) if sent.record_id else None
    if before is not None and getattr(before, gone, None) is None:
        return cast("T", before)
    record = make()
    if record is not None:
        db.session.flush()
        sent.record_id = record.id  # type: ignore[attr-defined]
    return record


def purge() -> None:
    """Delete the hashes of forms that are not sent again; the caller commits."""
    db.session.execute(delete(SentForm).where(SentForm.sent_at < clock.now() - KEEPS_FOR))


def _digest() -> str | None:
    """Hash who sent what to where, with the form's key; None for a form without one."""
    if not request.form.get(FIELD):
        return None
    sent = [pair for pair in request.form.items(multi=True) if pair[0] not in HOUSEKEEPING]
    parts = [current_user.get_id(), request.full_path, sorted(sent)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _held(digest: str) -> SentForm:
    database.add_missing(db.session, SentForm, digest=digest, sent_at=clock.now())
    return db.session.scalars(
        select(SentForm)
        .where(SentForm.digest == digest)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
