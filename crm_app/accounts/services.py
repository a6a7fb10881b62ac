"""What is done to users: invited, changed, disabled; services flush, the caller commits."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crm_app import database, phone_numbers
from crm_app.accounts import links, normalise, notices
from crm_app.accounts.models import (
    BIN_DAYS,
    MOST_BIN_DAYS,
    FactorPolicy,
    LinkPurpose,
    OfficeSettings,
    Reach,
    Role,
    User,
)
from crm_app.accounts.pbx import extensions, tell_extended
from crm_app.accounts.sessions import services as sessions
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import difference, snapshot
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.text import limited

EXTENSION = re.compile(r"[1-9][0-9]{2,4}", re.ASCII)
JOURNALED = ("name", "email", "role", "extension", "mobile", "team", "active")
_EVENTS = {
    "email": Kind.EMAIL_CHANGED,
    "role": Kind.ROLE_CHANGED,
    "extension": Kind.EXTENSION_CHANGED,
    "active": Kind.USER_ENABLED,
}


def create_user(
    email: str,
    name: str,
    *,
    role: Role = Role.AGENT,
    extension: str | None = None,
    password_hash: str | None = None,
    by: User | None = None,
) -> User:
    """Add a user who may sign in at once when a password's hash is given.

    Raises InvalidInputError: email_invalid, email_taken, extension_taken, extension_invalid,
    extension_unknown (the PBX has none of that number), name_empty or name_long.
    """
    user = User(fs_uniquifier=_new_session_key(), active=True, password=password_hash)
    _store(
        user,
        email=normalise.new_email(email),
        name=normalise.name(name),
        role=role,
        extension=_extension_for(user, extension),
    )
    after = snapshot(user, JOURNALED)
    journal.record(RecordKind.USER, user.id, "created", by, difference({}, after))
    events.done(Kind.USER_ADDED, by=_id(by), about=user.id, detail=user.role)
    if user.extension:
        tell_extended(user, by)
    return user


def invite(
    email: str, name: str, *, role: Role, extension: str | None = None, by: User | None
) -> tuple[User, str]:
    """Add a user without a password and make the token of the invitation.

    Raises InvalidInputError as `create_user` does.
    """
    user = create_user(email, name, role=role, extension=extension, by=by)
    return user, invite_again(user)


def invite_again(user: User) -> str:
    """Make a new invitation for somebody who has not accepted one; the older one ends.

    Raises InvalidInputError: not_invited.
    """
    if not user.is_invited:
        raise InvalidInputError("not_invited")
    return links.make(LinkPurpose.INVITATION, user)


def reset_token(user: User, by: User | None) -> str:
    """Make the token of a link with which a user chooses a new password; the older one ends.

    Raises InvalidInputError: disabled.
    """
    if not user.active:
        raise InvalidInputError("disabled")
    notices.record(user, "reset_link_made", by)
    return links.make(LinkPurpose.RESET, user)


def change_user(
    user: User, by: User | None, *, name: str, email: str, role: Role, extension: str | None
) -> None:
    """Change who a user is and what they may do.

    Raises InvalidInputError as `create_user` does, or disabled (an extension for somebody who
    is), own_role or last_admin.
    """
    if user.role == Role.ADMIN and role != Role.ADMIN:
        if by is not None and by.id == user.id:
            raise InvalidInputError("own_role", "role")
        _refuse_without_other_admin(user, "role")
    _change(
        user,
        by,
        "changed",
        {
            "name": normalise.name(name),
            "email": normalise.new_email(email),
            "role": role,
            "extension": _extension_for(user, extension),
        },
    )


def set_extension(user: User, extension: str | None, by: User | None = None) -> None:
    """Assign a user an internal number of the PBX, or take it away (None or "").

    Raises InvalidInputError on `extension`: extension_taken, extension_invalid or disabled.
    """
    _change(user, by, "changed", {"extension": _extension_for(user, extension)})


def set_mobile(user: User, typed: str, country: str, by: User | None = None) -> None:
    """Note a user's own mobile phone, or that there is none (""); calls from it are no client's.

    `country` is the two-letter code that national numbers belong to. Raises InvalidInputError on
    `mobile` with the codes of `phone_numbers.read`, or number_too_short for a short number.
    """
    number = ""
    if typed.strip():
        try:
            number = phone_numbers.parse(typed, country)
        except InvalidInputError as error:
            raise InvalidInputError(error.code, "mobile", **error.details) from None
        if not number.startswith("+"):
            raise InvalidInputError("number_too_short", "mobile", number=typed)
    if number != user.mobile:
        _change(user, by, "changed", {"mobile": number})


def disable(user: User, by: User | None) -> None:
    """Lock a user out: sessions and links end and the extension is free; nothing is deleted.

    Raises InvalidInputError: own_account or last_admin.
    """
    if by is not None and by.id == user.id:
        raise InvalidInputError("own_account")
    if user.active and user.role == Role.ADMIN:
        _refuse_without_other_admin(user, "")
    end_sessions(user)
    links.revoke(user)
    _change(user, by, "disabled", {"active": False, "extension": None})


def enable(user: User, by: User | None) -> None:
    """Let a disabled user in again, with the old password and without an extension."""
    _change(user, by, "enabled", {"active": True})


def sign_out(user: User, by: User | None) -> None:
    """End all sessions of a user, who may sign in again at once."""
    end_sessions(user)
    notices.record(user, "signed_out", by)
    events.done(Kind.SESSION_ENDED, by=_id(by), about=user.id, detail=sessions.End.BY_ADMIN)


def accept(token: str, purpose: LinkPurpose, password_hash: str) -> User:
    """Use up an invitation or reset link: its user has a new password, older sessions end.

    Raises InvalidInputError: link_unknown, link_used or link_expired.
    """
    user = owner_of(links.use(token, purpose).user_id)
    change_password(user, password_hash, by=user)
    return user


def owner_of(user_id: int | None) -> User:
    """Fetch the enabled user of a link. Raises InvalidInputError: link_unknown."""
    user = db.session.get(User, user_id) if user_id else None
    if user is None or not user.active:
        raise InvalidInputError("link_unknown")
    return user


def change_password(user: User, password_hash: str, by: User | None) -> None:
    """Set a new password; all sessions and open links of the user end."""
    has_password, user.password = user.password is not None, password_hash
    end_sessions(user)
    links.revoke(user)
    if has_password:
        notices.record(user, "password_changed", by)
    else:
        journal.record(RecordKind.USER, user.id, "password_changed", by)
    events.done(Kind.PASSWORD_CHANGED, by=_id(by), about=user.id)
    db.session.flush()


def end_sessions(user: User) -> None:
    """Sign a user out of all browsers: sessions carry this key and die with it."""
    user.fs_uniquifier = _new_session_key()
    sessions.end_all(user, sessions.End.ACCOUNT)


def new_setup_token() -> str | None:
    """Make the token of the first administrator's link; None when there is one."""
    if has_admin():
        return None
    return links.make(LinkPurpose.SET_UP)


def check_setup(token: str) -> None:
    """Refuse a set-up link that is not valid, or no longer valid.

    Raises InvalidInputError: link_unknown, link_used or link_expired.
    """
    links.find(token, LinkPurpose.SET_UP)
    if has_admin():
        raise InvalidInputError("link_used")


def set_up(token: str, *, email: str, name: str, password_hash: str, **choices: Any) -> User:
    """Make the first administrator and use up the link.

    `choices` are the user's language and timezone. Raises InvalidInputError as `create_user`
    does, or link_unknown, link_used or link_expired.
    """
    check_setup(token)
    user = create_user(email, name, role=Role.ADMIN, password_hash=password_hash)
    for field, value in choices.items():
        setattr(user, field, value)
    links.use(token, LinkPurpose.SET_UP)
    db.session.flush()
    return user


def has_admin() -> bool:
    """Whether somebody can reach the settings."""
    return bool(db.session.scalar(select(func.count()).select_from(_admins().subquery())))


def change_office(
    name: str,
    *,
    restricts_agents: bool,
    by: User,
    second_factor_for: FactorPolicy | None = None,
    bin_days: int | None = None,
) -> None:
    """Change the settings of the office.

    `second_factor_for` and `bin_days` are None to leave them as they are. Raises InvalidInputError:
    bin_days_out_of_range, too_long (the field name).
    """
    name = limited(name, "name", normalise.NAME_LENGTH)
    if bin_days is not None and not 1 <= bin_days <= MOST_BIN_DAYS:
        raise InvalidInputError("bin_days_out_of_range", "bin_days", most=MOST_BIN_DAYS)
    # Two requests may set it for the first time at once.
    standard = {"name": "", "restricts_agents": False, "second_factor_for": FactorPolicy.NOBODY}
    database.add_missing(db.session, OfficeSettings, id=1, bin_days=BIN_DAYS, **standard)
    db.session().info.pop("office", None)
    office = OfficeSettings.current()
    before = snapshot(office, ("name", "restricts_agents", "second_factor_for", "bin_days"))
    office.name, office.restricts_agents = name, restricts_agents
    office.second_factor_for = second_factor_for or office.second_factor_for
    office.bin_days = bin_days or office.bin_days
    db.session.add(office)
    db.session.flush()
    changes = difference(before, snapshot(office, before))
    if changes:
        journal.record(RecordKind.OFFICE, office.id, "changed", by, changes)
        events.done(Kind.OFFICE_CHANGED, by=by.id, detail=", ".join(changes))


def change_hearing(hears: Mapping[str, str], teams: Mapping[str, str], by: User) -> None:
    """Change whose calls the roles may hear, and who is in which team.

    `hears` is by agents, managers, admins; `teams` by the id of the user as a text. Raises
    InvalidInputError: hears_unknown, too_long, on the field of the form.
    """
    for role, reach in hears.items():
        if reach not in set(Reach):
            raise InvalidInputError("hears_unknown", role)
    database.add_missing(db.session, OfficeSettings, id=1, restricts_agents=False, name="")
    db.session().info.pop("office", None)
    office = db.session.get_one(OfficeSettings, 1, with_for_update=True)
    fields = [f"{role}_hear" for role in hears]
    before = snapshot(office, fields)
    for role, reach in hears.items():
        setattr(office, f"{role}_hear", reach)
    db.session.flush()
    changes = difference(before, snapshot(office, fields))
    if changes:
        journal.record(RecordKind.OFFICE, office.id, "changed", by, changes)
    changed = [*changes, *_change_teams(teams, by)]
    if changed:
        events.done(Kind.OFFICE_CHANGED, by=by.id, detail=", ".join(changed))


def _change_teams(teams: Mapping[str, str], by: User) -> set[str]:
    """Put users into teams, each noted in their own history; gives the fields that changed."""
    changed = set()
    for user in db.session.scalars(select(User).order_by(User.id)).all():
        team = limited(teams.get(str(user.id), user.team), f"team-{user.id}", normalise.TEAM_LENGTH)
        if team != user.team:
            _change(user, by, "changed", {"team": team})
            changed.add("team")
    return changed


def _admins() -> Any:
    return select(User.id).where(User.active, User.role == Role.ADMIN)


def _refuse_without_other_admin(user: User, field: str) -> None:
    # Locked, so that two administrators cannot remove each other's role at the same moment.
    enabled = db.session.scalars(_admins().order_by(User.id).with_for_update()).all()
    if not set(enabled) - {user.id}:
        raise InvalidInputError("last_admin", field)


def _extension_for(user: User, extension: str | None) -> str | None:
    extension = (extension or "").strip()
    if extension and not user.active:
        raise InvalidInputError("disabled", "extension")
    if extension and not EXTENSION.fullmatch(extension):
        raise InvalidInputError("extension_invalid", "extension")
    known = extensions.known() if extension and extension != user.extension else None
    if known is not None and extension not in known:
        raise InvalidInputError("extension_unknown", "extension")
    return extension or None


def free_extensions() -> list[str]:
    """List the extensions of the PBX that nobody has; none while they are not known."""
    taken = set(db.session.scalars(select(User.extension).where(User.extension.is_not(None))))
    return [extension for extension in extensions.known() or () if extension not in taken]


def _change(user: User, by: User | None, action: str, values: dict[str, Any]) -> None:
    before = snapshot(user, JOURNALED)
    _store(user, **values)
    changes = difference(before, snapshot(user, JOURNALED))
    if changes:
        notices.record(user, action, by, changes)
    if "extension" in changes and user.extension:
        tell_extended(user, by)
    for field, change in changes.items():
        if field in _EVENTS:
            new = change["new"]["value"]
            kind = Kind.USER_DISABLED if field == "active" and not new else _EVENTS[field]
            # An e-mail address is personal data: it is in the journal and need not be in the
            # events.
            detail = str(new or "") if field in {"role", "extension"} else ""
            events.done(kind, by=_id(by), about=user.id, detail=detail)


def _id(user: User | None) -> int | None:
    return user.id if user is not None else None


def _store(user: User, **values: Any) -> None:
    _refuse_taken(user, values)
    try:
        with db.session.begin_nested():
            for field, value in values.items():
                setattr(user, field, value)
            db.session.add(user)
    except IntegrityError:
        # Another request took it between our check and our write.
        _refuse_taken(user, values)
        raise


def _refuse_taken(user: User, values: dict[str, Any]) -> None:
    for field in ("email", "extension"):
        taken = select(User.id).where(
            getattr(User, field) == values.get(field), User.id.is_distinct_from(user.id)
        )
        if values.get(field) and db.session.scalar(taken):
            raise InvalidInputError(f"{field}_taken", field)


def _new_session_key() -> str:
    return uuid.uuid4().hex
