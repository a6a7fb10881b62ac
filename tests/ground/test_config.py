"""Settings are read once, typed, and refuse nonsense."""

from pathlib import Path

import pytest

from crm_app import config
from crm_app.errors import ConfigError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BIND", "everywhere"),
        ("BIND", "127.0.0.1:99999"),
        ("DATABASE_URL", "mysql://somewhere"),
        ("REDIS_URL", "http://somewhere"),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "crm.example.com"),
        ("TRUSTED_PROXIES", "yes"),
        ("TRUSTED_PROXIES", "-1"),
        ("WEBHOOK_ALLOWED_NETWORKS", "185.45.152.40/99"),
        ("DEFAULT_COUNTRY", "Portugal"),
        ("DEFAULT_LANGUAGE", "tlh"),
        ("DEFAULT_TIMEZONE", "Lisbon"),
        ("WEB_WORKERS", "many"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_it_refuses_a_value_that_makes_no_sense_and_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"^{variable}: "):
        config.load(_env_file=None)


def test_it_names_every_wrong_value_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIND", "nowhere")
    monkeypatch.setenv("DEFAULT_COUNTRY", "XX")
    with pytest.raises(ConfigError) as refusal:
        config.load(_env_file=None)
    assert "BIND" in str(refusal.value)
    assert "DEFAULT_COUNTRY" in str(refusal.value)


def test_it_lives_in_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    settings = config.load(_env_file=None, data_dir=tmp_path)
    assert settings.sqlalchemy_url == f"sqlite:///{tmp_path}/ramal.db"
    assert settings.bus_url == f"unix://{tmp_path}/run/valkey.sock"
    assert settings.workers == 1
    assert settings.embeds_valkey


def test_it_keeps_the_key_that_it_made_at_the_first_start(tmp_path: Path) -> None:
    first = config.load(_env_file=None, data_dir=tmp_path).session_key
    assert len(first) >= config.SECRET_KEY_LENGTH
    assert config.load(_env_file=None, data_dir=tmp_path).session_key == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_it_speaks_psycopg_whatever_the_address_calls_it() -> None:
    settings = config.load(_env_file=None, database_url="postgres://ana@db/ramal")
    assert settings.sqlalchemy_url == "postgresql+psycopg://ana@db/ramal"
    assert settings.workers == 2


def test_it_reads_several_networks_and_the_star() -> None:
    two = config.load(_env_file=None, webhook_allowed_networks="10.0.0.0/8, 185.45.152.40/30")
    assert two.webhook_allowed_networks is not None
    assert len(two.webhook_allowed_networks) == 2
    assert (
        config.load(_env_file=None, webhook_allowed_networks="*").webhook_allowed_networks is None
    )
