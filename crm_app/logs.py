"""Structured logs to standard output, with secrets and phone numbers masked."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from crm_app.phone_numbers import mask

_KEEP_OUT = r"secret|passw|token|signature|authorization|cookie|api_?key"
_SECRET_KEY = re.compile(_KEEP_OUT, re.IGNORECASE)
_QUOTED = r""" "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' """
_SECRET = re.compile(
    rf"""
    # Such an address lets its holder in. (The names of our own files do not.)
    (?P<link> /(?:setup|invitation|reset|zadarma)/ ) (?!\w+\.py\b) [^\s/?#&"'<>)\]}}]+
  | (?P<login> ://[^\s/:@"']*: ) [^\s/"']+ (?=@)
  | (?P<header> \b(?:authorization|cookie):\s* ) [^\n]+
  | (?P<name> (?:{_KEEP_OUT})[\w-]{{0,40}} (?: ["']?= | ["']\s*:\s* ) )
    (?: {_QUOTED} | [^\s"'&,;)\]}}]+ )
  | \$argon2[\w$=,+/.-]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Seven or more digits, with the marks people put between them, are a phone number to us ...
_SEVEN_DIGITS = re.compile(r"\d(?:[ \u00a0().\-]{0,2}\d){6}")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NUMBER = re.compile(
    rf"""
    # ... but for what only looks like one: moments, addresses of machines, hexadecimal ids. (No
    # number in international form has ten or thirteen digits and begins with 1.)
    (?P<kept>
        (?<!\d) (?: (?:19|20)\d\d-[01]\d-[0-3]\d (?:[T ][0-2]\d(?::\d\d){{1,2}}(?:[.,]\d+)?)?
                 | \d{{8}}T\d{{6}} | 1[6-9]\d{{8}}(?:\d{{3}}|\.\d+)? | \d{{1,6}}\.\d+ ) (?![\d.])
      | (?<![\d.]) {_OCTET}(?:\.{_OCTET}){{3}} (?!\d)
      | (?<![0-9a-z]) (?: 0x[0-9a-f]+ | [0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}
                        | (?=(?:\d*[a-f]){{2}}) [0-9a-f]{{12,}} ) (?![0-9a-z])
    )
  | (?:\+|%2B)? \d (?:[ \u00a0().\-]{{0,2}}\d){{6,}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN = (bool, float, type(None))
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for as long as the process lives: a logger keeps the one that it was first used with.
_STEPS: list[Any] = [*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def mask_values(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask what a line tells, however deep it lies: secrets and phone numbers."""
    for key, value in event.items():
        if key not in {"timestamp", "level", "logger"}:
            event[key] = _mask_named(key, value)
    return event


def mask_text(text: str) -> str:
    """Take passwords, tokens and one-time links out of a text, and leave of numbers two digits."""
    if _SECRET.search(text):
        text = _SECRET.sub(_without_secret, text)
    return _NUMBER.sub(_without_digits, text) if _SEVEN_DIGITS.search(text) else text


def _mask_named(name: str, value: Any) -> Any:
    return "***" if value and _SECRET_KEY.search(name) else _mask(value)


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int):
        masked = mask_text(str(value))
        return value if masked == str(value) else masked
    if isinstance(value, Mapping):
        return {_mask(key): _mask_named(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(item) for item in value]
    # What the renderers would write of it.
    return mask_text(repr(value))


def _without_secret(found: re.Match[str]) -> str:
    return f"{next(filter(None, found.groups()), '')}***"


def _without_digits(found: re.Match[str]) -> str:
    return found["kept"] or mask(found.group())


def configure(level: str, *, as_json: bool) -> None:
    """Send our own and every library's log lines through one masked, structured stream."""
    structlog.configure(
        processors=_STEPS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_values,
            renderer,
        ],
    )
    # What a command prints for another program stays free of it.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    # It announces each look into the database.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
