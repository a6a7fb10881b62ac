"""What each method of the API gets, gives and refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crm_app.simulator.account import Account
from crm_app.simulator.history import History
from crm_app.simulator.sounds import Sounds

Params = Mapping[str, str]
Answer = Mapping[str, object]


class RefusedError(Exception):
    """The API refuses a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Office:
    """What the methods work on."""

    account: Account
    history: History
    sounds: Sounds
    click_to_call: Callable[[str, str], None]
    base_url: Callable[[], str]


Method = Callable[[Office, Params], Answer]
# By HTTP method and path; a path may have a `<name>`, which is then a parameter like the others.
Methods = Mapping[tuple[str, str], Method]


def word(value: bool) -> str:
    """Write a flag as the API does."""
    return "true" if value else "false"
