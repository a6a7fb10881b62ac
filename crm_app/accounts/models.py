"""Users, their roles, one-time links and sessions, and the settings of the office."""

from datetime import datetime
from enum import StrEnum

from flask_security import UserMixin, hash_password
from sqlalchemy import ForeignKey, Select, String, false, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from crm_app import clock
from crm_app.accounts.passwords import hashing
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model, db
from crm_app.initials import initials


class Role(StrEnum):
    """What a user may do; each role may do what the ones before it may."""

    AGENT = "agent"
    MANAGER = "manager"
    ADMIN = "admin"


class FactorPolicy(StrEnum):
    """Who must have a second factor."""

    NOBODY = "nobody"
    ADMINS = "admins"
    MANAGERS = "managers"
    EVERYBODY = "everybody"


_MANAGERS = frozenset({Role.MANAGER, Role.ADMIN})
_ROLES_WITH_FACTOR: dict[str, frozenset[Role]] = {
    FactorPolicy.ADMINS: frozenset({Role.ADMIN}),
    FactorPolicy.MANAGERS: _MANAGERS,
    FactorPolicy.EVERYBODY: frozenset(Role),
}


class User(UserMixin, Model):
    """A person who signs in. Users are disabled, never deleted: history needs their names."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[Role] = mapped_column(String(10), default=Role.AGENT)
    extension: Mapped[str | None] = mapped_column(String(5), unique=True)
    # Makes and takes calls in a window of the browser; read with every page.
    has_browser_phone: Mapped[bool] = mapped_column(default=False, server_default=false())
    active: Mapped[bool] = mapped_column(default=True)
    password: Mapped[str | None] = mapped_column(String(255))
    # A hash that includes the secret key, as until 0.2.0; replaced at the next sign-in.
    has_former_hash: Mapped[bool] = mapped_column(default=False, server_default=false())
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    # Colleagues with the same word are a team; "" is none.
    team: Mapped[str] = mapped_column(String(60), default="", server_default="")
    language: Mapped[str] = mapped_column(String(5), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="")
    theme: Mapped[str] = mapped_column(String(5), default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    signed_in_at: Mapped[datetime | None]
    # An authenticator app or a passkey is set up (`factors`); read with every page.
    has_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Time of the oldest unread notice about their account; None when all are read.
    notices_from: Mapped[datetime | None]
    # E.164; calls from it are a colleague's, not a client's.
    mobile: Mapped[str] = mapped_column(String(20), default="", server_default="", index=True)
    # See `presence`; without an end they say themselves when they are back.
    away_since: Mapped[datetime | None]
    away_until: Mapped[datetime | None]
    deputy_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    deputy: Mapped["User | None"] = relationship(remote_side=[id])
    # Whose deputy this user is, whether they are away or not.
    deputy_of: Mapped[list["User"]] = relationship(remote_side=[deputy_id], viewonly=True)

    def is_away(self, at: datetime) -> bool:
        """Whether they are away at a moment, on shift or not; asks the database nothing."""
        return self.away_since is not None and (self.away_until is None or self.away_until > at)

    @validates("password")
    def _is_hashed_alone(self, _name: str, value: str | None) -> str | None:
        self.has_former_hash = False
        return value

    def verify_and_update_password(self, password: str) -> bool:
        """Compare a normalised password with the stored hash, and renew a hash that is outdated.

        An old hash needs a query, on a connection of its own.
        """
        if not self.has_former_hash:
            return bool(super().verify_and_update_password(password))
        if not hashing.matches_former(password, self.password):
            return False
        self.password = hash_password(password)
        return True

    @property
    def is_invited(self) -> bool:
        """Whether the user was invited and has not chosen a password yet."""
        return self.active and self.password is None

    @property
    def is_manager(self) -> bool:
        """Whether the user sees all records."""
        return self.role in _MANAGERS

    @property
    def is_admin(self) -> bool:
        """Whether the user may open the settings."""
        return self.role == Role.ADMIN

    def must_have_factor(self, policy: str) -> bool:
        """Whether a policy asks a second factor of this user."""
        return self.role in _ROLES_WITH_FACTOR.get(policy, ())

    @property
    def initials(self) -> str:
        """Return one or two letters for the avatar; combining marks stay with their letter."""
        return initials(self.name)

    @classmethod
    def enabled(cls) -> "Select[User]":
        """Select those who can sign in, by name."""
        return select(cls).where(cls.active).order_by(cls.name)

    @classmethod
    def managing(cls) -> "Select[User]":
        """Select those of them who see all records, by name."""
        return cls.enabled().where(cls.role.in_(sorted(_MANAGERS)))


class LinkPurpose(StrEnum):
    """What a one-time link is for."""

    SET_UP = "setup"
    INVITATION = "invitation"
    RESET = "reset"


class AccountLink(Model):
    """A one-time link: set-up of the first administrator, an invitation, or a password reset.

    Only the SHA-256 of its token is kept.
    """

    __tablename__ = "account_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[LinkPurpose] = mapped_column(String(10))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class BrowserSession(Model):
    """One browser in which somebody is signed in, from the sign-in to its end.

    Only the SHA-256 of the browser's tokens is stored. `user_key` is the user's key at sign-in:
    changing the user's key ends all sessions with the old one, even one that begins at the same
    moment.
    """

    __tablename__ = "browser_session"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    user_key: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(20), default="")
    system: Mapped[str] = mapped_column(String(20), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    is_remembered: Mapped[bool] = mapped_column(default=False)
    remember_hash: Mapped[str | None] = mapped_column(String(64))
    last_remember_hash: Mapped[str | None] = mapped_column(String(64))
    rotated_at: Mapped[datetime | None]
    begun_at: Mapped[datetime] = mapped_column(default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    proved_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    end_reason: Mapped[str] = mapped_column(String(12), default="")


class Reach(StrEnum):
    """Whose records a verb may be used on."""

    NOBODY = "nobody"
    OWN = "own"
    TEAM = "team"
    ALL = "all"


BIN_DAYS, MOST_BIN_DAYS = 90, 3650


class OfficeSettings(Model):
    """What administrators decide for the whole office; there is one row, or none yet."""

    __tablename__ = "office_settings"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    restricts_agents: Mapped[bool] = mapped_column(default=False)
    # How long what was deleted can be restored, before it is removed for good.
    bin_days: Mapped[int] = mapped_column(default=BIN_DAYS, server_default=str(BIN_DAYS))
    second_factor_for: Mapped[str] = mapped_column(
        String(10), default=FactorPolicy.NOBODY, server_default=FactorPolicy.NOBODY.value
    )

    # Whose calls each role may hear.
    agents_hear: Mapped[str] = mapped_column(
        String(10), default=Reach.OWN, server_default=Reach.OWN.value
    )
    managers_hear: Mapped[str] = mapped_column(
        String(10), default=Reach.ALL, server_default=Reach.ALL.value
    )
    admins_hear: Mapped[str] = mapped_column(
        String(10), default=Reach.ALL, server_default=Reach.ALL.value
    )

    @classmethod
    def current(cls) -> "OfficeSettings":
        """Return the row, or an unsaved one with the defaults.

        Cached for the life of the database session, so that a list queries it once, not once per
        row.
        """
        remembered: dict[str, OfficeSettings] = db.session().info
        if "office" not in remembered:
            defaults = cls(
                id=1,
                name="",
                restricts_agents=False,
                bin_days=BIN_DAYS,
                second_factor_for=FactorPolicy.NOBODY,
                agents_hear=Reach.OWN,
                managers_hear=Reach.ALL,
                admins_hear=Reach.ALL,
            )
            remembered["office"] = db.session.get(cls, 1) or defaults
        return remembered["office"]

    def heard_by(self, role: Role) -> Reach:
        """Whose calls the users of a role may hear."""
        return Reach(getattr(self, f"{role}s_hear"))
