"""Settings are read once, typed, and refuse nonsense."""

from pathlib import Path

import pytest

from crm_app import config, key_file
from crm_app.errors import ConfigError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BIND", "everywhere"),
        ("BIND", "127.0.0.1:99999"),
        ("DATABASE_URL", "mysql://somewhere"),
        ("DATABASE_URL", "postgresql://ana:hush@db:abc/ramal"),
        ("DATABASE_URL", "postgresql://ana:hush@db:99999/ramal"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:///file:ramal?mode=memory&uri=true"),
        ("REDIS_URL", "http://somewhere"),
        ("REDIS_URL", "redis://:hush@bus:abc/0"),
        ("REDIS_URL", "redis://bus/first"),
        ("REDIS_URL", "unix://relative/bus.sock"),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "crm.example.com"),
        ("PUBLIC_URL", "http://:80"),
        ("PUBLIC_URL", "http://crm:99999"),
        ("PUBLIC_URL", "https://crm example"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://ana:hush@crm.example.com"),
        ("PUBLIC_URL", "https://crm.example.com/?from=mail"),
        ("ZADARMA_API_URL", "https://"),
        ("TRUSTED_PROXIES", "yes"),
        ("TRUSTED_PROXIES", "-1"),
        ("WEBHOOK_ALLOWED_NETWORKS", "185.45.152.40/99"),
        ("WEBHOOK_ALLOWED_NETWORKS", ","),
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
    with pytest.raises(ConfigError, match=f"^{variable}: ") as refusal:
        config.load(_env_file=None)
    assert "\n" not in str(refusal.value)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgresql:///ramal?host=/run/postgresql"),
        ("DATABASE_URL", "postgresql://ana:p%40ss@[::1]:5432/ramal"),
        ("DATABASE_URL", "sqlite:////home/memory/ramal.db"),
        ("REDIS_URL", "redis://bus"),
        ("REDIS_URL", "rediss://ana:hush@bus:6380/1"),
        ("REDIS_URL", "unix:///run/valkey.sock?db=1"),
        ("PUBLIC_URL", "https://crm.example.com:8443/office/"),
        ("PUBLIC_URL", "http://[::1]:8000"),
    ],
)
def test_it_takes_every_address_that_makes_sense(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(config.load(_env_file=None), variable.lower())


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://crm.example.com:443/", "https://crm.example.com"),
        ("https://crm.example.com:443/office/", "https://crm.example.com/office"),
        ("http://crm.example.com:80", "http://crm.example.com"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://crm.example.com:80", "https://crm.example.com:80"),
        ("https://crm.example.com:8443", "https://crm.example.com:8443"),
    ],
)
def test_it_leaves_the_usual_port_out_of_an_address(
    typed: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", typed)
    assert config.load(_env_file=None).public_url == kept


@pytest.mark.parametrize("empty", ["", "  "])
def test_it_takes_the_default_where_a_value_is_empty(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = config.load(_env_file=None)
    for name in config.Config.model_fields:
        monkeypatch.setenv(name.upper(), empty)
    assert config.load(_env_file=None) == plain


def test_it_gives_a_child_its_own_settings_whatever_stands_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "DATABASE_URL=postgresql://office\nREDIS_URL=redis://office\nWEB_WORKERS=3\n"
        "PUBLIC_URL=https://office\nWEBHOOK_ALLOWED_NETWORKS=10.0.0.0/8\nBIND=0.0.0.0:1\n",
        encoding="utf-8",
    )
    # As the demonstration does, which must not touch the office of the file.
    nothing = dict.fromkeys(("database_url", "redis_url", "public_url"), "")
    parent = config.load(
        _env_file=file, data_dir=tmp_path, web_workers=0, webhook_allowed_networks="*",
        bind="127.0.0.1:2", **nothing,
    )  # fmt: skip
    for name, value in config.child_environment(parent).items():
        monkeypatch.setenv(name, value)
    assert config.load(_env_file=file) == parent


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
    first = config.load(_env_file=None, data_dir=tmp_path).secret_keys[0]
    assert len(first) >= key_file.KEY_LENGTH
    assert config.load(_env_file=None, data_dir=tmp_path).secret_keys[0] == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_it_makes_a_data_folder_that_only_its_owner_can_open(tmp_path: Path) -> None:
    settings = config.load(_env_file=None, data_dir=tmp_path / "data")
    assert settings.secret_keys[0]
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kept", [b"", b"short\n", b"\xff" * 40])
def test_it_refuses_a_kept_key_that_is_not_whole(kept: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_bytes(kept)
    with pytest.raises(ConfigError, match=r"secret_key"):
        _ = config.load(_env_file=None, data_dir=tmp_path).secret_keys[0]
    assert (tmp_path / "secret_key").read_bytes() == kept


def test_it_takes_the_key_of_the_process_that_was_quicker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = "k" * 40

    def be_late(length: int) -> str:
        (tmp_path / "secret_key").write_text(theirs, encoding="ascii")
        return "m" * length

    monkeypatch.setattr(key_file.secrets, "token_urlsafe", be_late)
    assert config.load(_env_file=None, data_dir=tmp_path).secret_keys[0] == theirs
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("0.0.0.0:8000", "http://localhost:8000"),
        ("[::]:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("192.168.1.2:80", "http://192.168.1.2:80"),
    ],
)
def test_it_names_an_address_that_a_browser_can_open(bind: str, address: str) -> None:
    assert config.load(_env_file=None, bind=bind).base_url == address


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "k" * 40),
        ("METRICS_TOKEN", "a token of figures".replace(" ", "-")),
        ("DATABASE_URL", "postgresql+psycopg://ana:hush@db/ramal"),
    ],
)
def test_it_reads_a_setting_from_the_file_that_another_one_names(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credential"
    file.write_text(f"{value}\n", encoding="utf-8")
    monkeypatch.setenv(f"{name}_FILE", str(file))
    settings = config.load(_env_file=None, data_dir=tmp_path)
    assert getattr(settings, name.lower()) == value
    child = config.child_environment(settings)
    assert value not in child.values()
    for variable, given in child.items():
        monkeypatch.setenv(variable, given)
    assert config.load(_env_file=None) == settings


@pytest.mark.parametrize("name", ["SECRET_KEY", "METRICS_TOKEN", "DATABASE_URL"])
@pytest.mark.parametrize("kept", [None, "", "\n \n", "\ufeff\n"])
def test_it_refuses_a_file_that_gives_nothing(
    name: str, kept: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept is not None:
        (tmp_path / "credential").write_text(kept, encoding="utf-8")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "credential"))
    with pytest.raises(ConfigError, match=f"^{name}_FILE: ") as refusal:
        config.load(_env_file=None)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "METRICS_TOKEN", "DATABASE_URL"])
def test_it_refuses_a_setting_beside_its_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credential").write_text("k" * 40, encoding="utf-8")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "credential"))
    monkeypatch.setenv(name, "k" * 40)
    with pytest.raises(ConfigError, match=f"^{name}: is set, and so is {name}_FILE"):
        config.load(_env_file=None)


def test_it_takes_older_keys_from_the_setting_and_from_further_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credential").write_text("a" * 40 + "\n" + "b" * 40, encoding="utf-8")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "credential"))
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "c" * 40 + ", " + "b" * 40)
    settings = config.load(_env_file=None)
    assert settings.secret_keys == ("a" * 40, "b" * 40, "c" * 40)
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "short")
    with pytest.raises(ConfigError, match=r"^SECRET_KEY_FALLBACKS: must be keys"):
        config.load(_env_file=None)
