"""What is possible and unwise is said at the start, without the secrets in the addresses."""

from typing import Any

import pytest

from crm_app import config
from crm_app.serving import advice


def said(**settings: Any) -> str:
    """All that is said of these settings."""
    return "\n".join(advice.all_of(config.load(_env_file=None, **settings)))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("redis://bus.example.com:6379/0", ("without TLS", "without a password")),
        ("redis://:hush@10.0.0.5/0", ("without TLS",)),
        ("rediss://10.0.0.5/0", ("without a password",)),
        ("redis://:hush@localhost.example.com/0", ("without TLS",)),
        ("redis://ana:hush@[2001:db8::5]/0", ("without TLS",)),
    ],
)
def test_a_bus_on_another_machine_wants_tls_and_a_password(
    address: str, words: tuple[str, ...]
) -> None:
    text = said(redis_url=address)
    assert text.startswith("REDIS_URL: ")
    for part in ("without TLS", "without a password"):
        assert (part in text) is (part in words)
    assert "hush" not in text


@pytest.mark.parametrize(
    "address",
    ["", "redis://127.0.0.1/0", "redis://localhost:6379", "redis://[::1]/0", "unix:///run/bus.sock",
     "rediss://:hush@10.0.0.5/0", "rediss://ana:hush@bus.example.com:6380/1"],
)  # fmt: skip
def test_nothing_is_said_of_a_bus_that_is_safe(address: str) -> None:
    assert said(redis_url=address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ana:hush@db.example.com/ramal",
        "postgresql://ana:hush@10.0.0.5/ramal?sslmode=prefer",
        "postgresql://ana:hush@10.0.0.5/ramal?sslmode=disable",
        "postgresql://ana:hush@/ramal?host=db.example.com",
        "postgresql://ana:hush@/ramal?host=/run/postgresql&hostaddr=10.0.0.5",
        "postgresql://ana:hush@/ramal?host=127.0.0.1:5432&host=10.0.0.5:5432",
    ],
)
def test_a_database_on_another_machine_wants_tls(address: str) -> None:
    text = said(database_url=address)
    assert text.startswith("DATABASE_URL: ")
    assert "sslmode=verify-full" in text
    assert "hush" not in text


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:////tmp/ramal.db",
        "postgresql://ana:hush@localhost/ramal",
        "postgresql://ana@/ramal",
        "postgresql://ana@/ramal?host=/run/postgresql",
        "postgresql://ana:hush@10.0.0.5/ramal?sslmode=require",
        "postgresql://ana:hush@10.0.0.5/ramal?sslmode=verify-full",
    ],
)
def test_nothing_is_said_of_a_database_that_is_safe(address: str) -> None:
    assert said(database_url=address) == ""


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.168.1.2:8000"])
def test_a_way_past_the_proxy_is_named(bind: str) -> None:
    text = said(trusted_proxies="1,10.0.0.0/8", bind=bind)
    assert text.startswith("TRUSTED_PROXIES: ")
    assert "10.0.0.0/8" in text
    assert said(trusted_proxies="0", bind=bind) == ""
    assert said(trusted_proxies="1", bind="127.0.0.1:8000") == ""
