"""Every setting, read once from the environment and `.env`, typed; invalid ones stop the start."""

import hashlib
import ipaddress
import os
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import phonenumbers
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crm_app import key_file, setting_addresses
from crm_app.encryption import KeyRing
from crm_app.errors import ConfigError
from crm_app.proxies import Network, Proxies

# Settings that `<NAME>_FILE` may give, as service managers hand over secrets.
FROM_FILES = ("secret_key", "metrics_token", "database_url")
# The system takes 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_LENGTH = 100
BIND = re.compile(r"^(?P<host>[\w.\-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})$")
# Every address of the machine: one can listen on them and cannot open them.
EVERYWHERE = re.compile(r"^(0\.0\.0\.0|\[::\])(?=:\d+$)")


class Config(BaseSettings):
    """All settings of one running Ramal; immutable. Field names are the variables, lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    data_dir: Path = Path("instance")
    secret_key: str = ""
    secret_key_file: Path | None = None
    secret_key_fallbacks: Annotated[tuple[str, ...], NoDecode] = ()
    database_url: str = ""
    database_url_file: Path | None = None
    redis_url: str = ""
    bind: str = "127.0.0.1:8000"
    public_url: str = ""
    trusted_proxies: Annotated[Proxies, NoDecode] = Proxies()
    zadarma_api_url: str = "https://api.zadarma.com"
    recordings_url: str = ""
    webhook_allowed_networks: Annotated[tuple[Network, ...] | None, NoDecode] = Field(
        default=(ipaddress.ip_network("185.45.152.40/30"),),
        description="None means that the check is off (`*`)",
    )
    default_country: str = "PT"
    default_language: str = Field(default="en", pattern="^(en|pt)$")
    default_timezone: str = "Europe/Lisbon"
    web_workers: int = Field(default=0, ge=0, le=64, description="0 lets the database decide")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field(default="text", pattern="^(text|json)$")
    metrics_token: str = Field(default="", pattern=r"^(\S{16,})?$")
    metrics_token_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        return _with_files(values)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("bind")
    @classmethod
    def _bind(cls, value: str) -> str:
        match = BIND.match(value)
        if match is None or int(match["port"]) > setting_addresses.LARGEST_PORT:
            raise ValueError("must look like 127.0.0.1:8000")
        return value

    @field_validator("public_url", "zadarma_api_url")
    @classmethod
    def _url(cls, value: str) -> str:
        return setting_addresses.web(value)

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        return setting_addresses.database(value)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        return setting_addresses.bus(value)

    @field_validator("recordings_url")
    @classmethod
    def _recordings(cls, value: str) -> str:
        return setting_addresses.recordings(value)

    @field_validator("secret_key")
    @classmethod
    def _secret(cls, value: str) -> str:
        if value and len(value) < key_file.KEY_LENGTH:
            raise ValueError(f"must have at least {key_file.KEY_LENGTH} characters")
        return value

    @field_validator("secret_key_fallbacks", mode="before")
    @classmethod
    def _fallbacks(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(key.strip() for key in value.split(",") if key.strip())
        if any(len(key) < key_file.KEY_LENGTH for key in value):
            raise ValueError(f"must be keys of at least {key_file.KEY_LENGTH} characters each")
        return value

    @field_validator("webhook_allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip() == "*":
            return None
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise ValueError("must name a network such as 185.45.152.40/30, or be *")
        return tuple(ipaddress.ip_network(part) for part in parts)

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _proxies(cls, value: Any) -> Any:
        return Proxies.read(str(value))

    @field_validator("default_country")
    @classmethod
    def _country(cls, value: str) -> str:
        if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("must be a two-letter country code such as PT")
        return value.upper()

    @field_validator("default_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from zoneinfo import available_timezones

        if value not in available_timezones():
            raise ValueError("must be a time zone such as Europe/Lisbon")
        return value

    # The last one, because validators that run before run in the opposite order.
    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_default(cls, value: Any, field: ValidationInfo) -> Any:
        if isinstance(value, str) and not value.strip():
            # Not by `env_ignore_empty`, which would look further in `.env`: a child of ours must
            # take the default where its parent did.
            return cls.model_fields[field.field_name or ""].default
        return value

    @property
    def sqlalchemy_url(self) -> str:
        """Return the database address, SQLite in the data folder when none is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ramal.db'}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.sqlalchemy_url.startswith("sqlite")

    @property
    def recordings_place(self) -> str:
        """Return where the files of recordings are, in the data folder when nothing is set."""
        return self.recordings_url or (self.data_dir / "recordings").as_uri()

    @property
    def embeds_valkey(self) -> bool:
        """Whether `flask serve` must start the event bus itself."""
        return not self.redis_url

    @property
    def bus_url(self) -> str:
        """Return the event bus address, the embedded Valkey's socket when none is set."""
        return self.redis_url or f"unix://{self.bus_socket}"

    @property
    def bus_socket(self) -> Path:
        """Return the embedded Valkey's socket, in the data folder unless its path is too long."""
        path = self.data_dir / "run" / "valkey.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LENGTH:
            return path
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ramal-{os.getuid()}-{name}" / "valkey.sock"

    @property
    def workers(self) -> int:
        """Return the number of web processes: one on SQLite, which has a single writer."""
        return self.web_workers or (1 if self.is_sqlite else 2)

    @property
    def base_url(self) -> str:
        """Return the address that people and the PBX reach us at, without a trailing slash."""
        return self.public_url or f"http://{EVERYWHERE.sub('localhost', self.bind)}"

    @property
    def listens_everywhere(self) -> bool:
        """Whether we listen on every address of the machine."""
        return EVERYWHERE.match(self.bind) is not None

    @property
    def own_hosts(self) -> frozenset[str]:
        """Return the hosts that requests may name, lower case; empty when any may be named.

        Without PUBLIC_URL the machine's names are unknown.
        """
        if not self.public_url:
            return frozenset()
        public = urlsplit(self.public_url).hostname or ""
        bound = self.bind.rpartition(":")[0]
        names = {_in_brackets(public), bound.lower(), "localhost", "127.0.0.1", "[::1]"}
        # Browsers send other alphabets in this form.
        names |= {name.encode("idna").decode() for name in names if not name.isascii()}
        return frozenset(names)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us over TLS, so that cookies can insist on it."""
        return self.public_url.startswith("https://")

    @property
    def keeps_key(self) -> bool:
        """Whether the key is kept in the data folder, so that it can be exchanged there."""
        return not self.secret_key

    @property
    def key_path(self) -> Path:
        """Return the file in the data folder that keeps the key when no setting names one."""
        return self.data_dir / "secret_key"

    @cached_property
    def secret_keys(self) -> tuple[str, ...]:
        """Return `SECRET_KEY` or the key kept in the data folder, and then all older ones.

        The kept key is made at the first start. Raises ConfigError when the file cannot be read or
        written.
        """
        first = (self.secret_key,) if self.secret_key else key_file.read_or_make(self.key_path)
        return (*first, *self.secret_key_fallbacks)

    @property
    def key_ring(self) -> KeyRing:
        """Return what is derived from the keys."""
        return KeyRing(self.secret_keys)

    def read_keys_again(self) -> KeyRing:
        """Return the keys as their file has them by now; those of the environment stay."""
        if self.secret_key_file is None:
            again = self.model_copy()
        else:
            try:
                first, *older = key_file.lines_of(self.secret_key_file)
            except (OSError, ValueError):
                return self.key_ring
            changed = {"secret_key": first, "secret_key_fallbacks": tuple(older)}
            again = self.model_copy(update=changed)
        again.__dict__.pop("secret_keys", None)
        return again.key_ring


def load(**overrides: Any) -> Config:
    """Read the settings from the environment and `.env`; `overrides` win over both.

    Raises ConfigError with one line for each invalid setting.
    """
    try:
        return Config(**overrides)
    except ValidationError as error:
        lines = [
            ": ".join([*(str(name).upper() for name in item["loc"][:1]), _message(item["msg"])])
            for item in error.errors(include_input=False)
        ]
        raise ConfigError("; ".join(lines)) from error


def child_environment(settings: Config) -> dict[str, str]:
    """Return the environment for a child process that must run with exactly these settings."""
    environment = dict(os.environ)  # noqa: TID251 (children keep PATH, HOME and the like)
    for name in Config.model_fields:
        value = getattr(settings, name)
        if name.endswith("_file"):
            value = value or ""
        elif name in FROM_FILES and getattr(settings, f"{name}_file"):
            # The child reads the file itself; both would be refused.
            value = ""
        elif value is None:
            value = "*"
        elif isinstance(value, tuple):
            value = ",".join(str(item) for item in value)
        environment[name.upper()] = str(value)
    return environment


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


def _with_files(values: dict[str, Any]) -> dict[str, Any]:
    """Put what the files of `<NAME>_FILE` hold where `<NAME>` would be."""
    values = dict(values)
    for name in FROM_FILES:
        given = str(values.get(f"{name}_file") or "").strip()
        if not given:
            values[f"{name}_file"] = None
            continue
        if str(values.get(name) or "").strip():
            raise ValueError(
                f"{name.upper()}: is set, and so is {name.upper()}_FILE. Set one of the two."
            )
        path = Path(given).expanduser().absolute()
        try:
            first, *more = key_file.lines_of(path)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", "it holds no text")
            raise ValueError(f"{name.upper()}_FILE: cannot read {path} ({reason})") from None
        except ValueError:
            raise ValueError(f"{name.upper()}_FILE: there is nothing in {path}") from None
        values[name], values[f"{name}_file"] = first, path
        if more and name != "secret_key":
            raise ValueError(f"{name.upper()}_FILE: {path} must hold one line")
        if more:
            # As in the key file of the data folder, further lines are older keys.
            known = values.get("secret_key_fallbacks") or ()
            known = known.split(",") if isinstance(known, str) else known
            known = [key.strip() for key in known if key.strip()]
            values["secret_key_fallbacks"] = tuple(dict.fromkeys([*more, *known]))
    return values
