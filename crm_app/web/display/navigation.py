"""The side navigation: its pages, who may open them, and their headings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, request
from flask_babel import lazy_gettext as _l
from flask_login import current_user

# A user's own pages are under the avatar in the top bar, not in the navigation.
OWN = {"accounts.profile", "accounts.password", "accounts.list_sessions", "accounts.prove"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation; `right` names a property that the user must have."""

    endpoint: str
    icon: str
    label: Any
    right: str = "is_authenticated"
    is_one_page: bool = False

    @property
    def is_current(self) -> bool:
        """Whether this page, or one of the same feature, is being shown."""
        here = request.endpoint or ""
        if self.is_one_page or here in {entry.endpoint for entry in ENTRIES}:
            return here == self.endpoint
        # The rooms of a feature have names that begin with its own.
        feature, _, _ = here.partition(".")
        own, _, _ = self.endpoint.partition(".")
        return here not in OWN and (feature == own or feature.startswith(f"{own}_"))


ENTRIES = (
    Entry("home.index", "home", _l("Today")),
    Entry("callbacks.index", "phone-incoming", _l("Call-backs")),
    Entry("contacts.index", "address-book", _l("Contacts")),
    Entry("leads.index", "target-arrow", _l("Leads")),
    Entry("tasks.index", "square-check", _l("Tasks")),
    Entry("calls.index", "phone-call", _l("Calls")),
    Entry("messages.index", "message", _l("Messages")),
    Entry("board.index", "layout-dashboard", _l("Board")),
    Entry("reports.calls", "chart-bar", _l("Reports")),
    Entry("telephony_health.index", "heart-rate-monitor", _l("Telephony health"), "is_manager"),
    Entry("accounts.index", "users-group", _l("People"), "is_manager"),
    Entry("telephony.settings", "plug-connected", _l("Telephony"), "is_admin"),
    Entry("accounts.security", "shield-lock", _l("Security"), "is_admin", is_one_page=True),
)


def entries() -> list[Entry]:
    """List what this user may open, in the order of the page.

    A feature that can be switched off says under `app.extensions["pages_on"]` whether it is on.
    """
    pages_on: Mapping[str, Callable[[], bool]] = current_app.extensions.get("pages_on", {})
    return [
        entry
        for entry in ENTRIES
        if entry.endpoint in current_app.view_functions
        and pages_on.get(entry.endpoint, lambda: True)()
        and getattr(current_user, entry.right, False)
    ]
