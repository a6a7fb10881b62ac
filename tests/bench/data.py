"""A million contacts, made inside the database, the same on both engines."""

from sqlalchemy import Connection, Engine, text

from crm_app import search_index
from crm_app.search_text import normalise

SEARCHED = ("contact", "lead")

FIRST = (
    "Ana Maria João José António Manuel Francisco Carlos Paulo Rui Pedro Luís Miguel Tiago Nuno "
    "Ricardo Bruno Hugo André Diogo Sofia Inês Beatriz Marta Joana Catarina Teresa Helena Isabel "
    "Cristina Sandra Paula Carla Patrícia Cláudia Susana Mónica Vera Raquel Sara Łukasz Søren "
    "Zoë Chloé Jürgen Françoise Núria Iñaki Željko Ağca"
).split()
LAST = (
    "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Jesus Sousa Fernandes "
    "Gonçalves Gomes Lopes Marques Alves Almeida Ribeiro Pinto Carvalho Teixeira Moreira Correia "
    "Mendes Nunes Soares Vieira Monteiro Cardoso Rocha Raposo Neves Coelho Cruz Cunha Pires Ramos "
    "Reis Simões Antunes Matos Fonseca Morais Tavares Barbosa Freitas Machado Araújo Domingues "
    "Figueiredo Leite Henriques Lourenço Pinheiro Guerreiro Baptista Faria Azevedo Valente Macedo"
).split()


def load(connection: Connection, contacts: int, users: int) -> None:
    """Insert contacts with one or two phones each (1.5 on average) and a lead for every fourth.

    Contact i has the number +351 910 000 000 + i; user ids 1..users share them as responsible.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    _without_search(connection)
    for table, names in (("bench_first", FIRST), ("bench_last", LAST)):
        connection.execute(
            text(f"CREATE TEMPORARY TABLE {table} (id INTEGER, name TEXT, bare TEXT)")
        )
        connection.execute(
            text(f"INSERT INTO {table} VALUES (:id, :name, :bare)"),
            [{"id": i, "name": n, "bare": normalise(n)} for i, n in enumerate(names)],
        )
    connection.execute(text("CREATE TEMPORARY TABLE bench_series (i INTEGER PRIMARY KEY)"))
    series = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many) "
        "SELECT i FROM n"
        if is_sqlite
        else "SELECT generate_series(1, :many)"
    )
    connection.execute(text(f"INSERT INTO bench_series {series}"), {"many": contacts})
    values = {"users": users, "firsts": len(FIRST), "lasts": len(LAST)}
    now = "datetime('now')" if is_sqlite else "now()"
    people = "bench_series s JOIN bench_first f ON f.id = s.i % :firsts"
    people += " JOIN bench_last l ON l.id = (s.i / :firsts) % :lasts"
    no, yes = ("0", "1") if is_sqlite else ("false", "true")
    connection.execute(
        text(
            "INSERT INTO contact (id, kind, name, sort_name, job_title, address, about,"
            " do_not_call, responsible_id, search_text, created_at, updated_at, version)"
            " SELECT s.i, 'person', f.name || ' ' || l.name || ' ' || s.i,"
            " f.bare || ' ' || l.bare || ' ' || s.i, '', '', '', " + no + ", 1 + s.i % :users,"
            " f.bare || ' ' || l.bare || ' ' || s.i || ' ' || f.bare || s.i || '@example.com '"
            f" || '351' || (910000000 + s.i), {now}, {now}, 1 FROM {people}"
        ),
        values,
    )
    for kind, base, every in (("mobile", 910_000_000, 1), ("work", 210_000_000, 2)):
        connection.execute(
            text(
                "INSERT INTO contact_phone (contact_id, number, kind, is_main, position)"
                f" SELECT i, '+351' || ({base} + i), '{kind}', {yes if every == 1 else no},"
                f" {every - 1} FROM bench_series WHERE i % {every} = 0"
            )
        )
    connection.execute(
        text(
            "INSERT INTO lead (title, contact_id, stage_id, currency, source, about,"
            " lost_reason, responsible_id, search_text, created_at, updated_at, version)"
            " SELECT 'Lead ' || s.i, s.i, (SELECT min(id) FROM lead_stage), 'EUR', '', '', '',"
            f" 1 + s.i % :users, 'lead ' || s.i, {now}, {now}, 1"
            " FROM bench_series s WHERE s.i % 4 = 0"
        ),
        {"users": users},
    )
    for table in ("bench_first", "bench_last", "bench_series"):
        connection.execute(text(f"DROP TABLE {table}"))
    _with_search(connection)


def load_calls(connection: Connection, calls: int) -> None:
    """Insert ended calls, ten a minute, every fifth missed; a leg of each at one of 100 users."""
    is_sqlite = connection.dialect.name == "sqlite"
    series = (
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :calls)"
        " SELECT i FROM n) s"
        if is_sqlite
        else "(SELECT generate_series(1, :calls) AS i) s"
    )
    at = (
        "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || (s.i * 6) || ' seconds')"
        if is_sqlite
        else "now() - s.i * interval '6 seconds'"
    )
    no = "0" if is_sqlite else "false"
    missed = "s.i % 5 = 0"
    connection.execute(
        text(
            "INSERT INTO call (pbx_call_id, direction, phase, status, disposition_raw, is_own_leg,"
            " outside_number, outside_name, did, started_at, ended_at, talk_seconds,"
            " answered_by_extension, placed_by_extension, user_id, recording_count,"
            " contact_is_chosen, updated_at, why_missed, ring_seconds)"
            f" SELECT 'in_bench_' || s.i, 'inbound', 'ended', CASE WHEN {missed} THEN 'missed'"
            f" ELSE 'answered' END, '', {no}, '+351' || (910000000 + s.i % 9998), '',"
            f" '+351210000001', {at}, {at}, 60, '', '', CASE WHEN {missed} THEN NULL"
            f" ELSE 1 + s.i % 100 END, 0, {no}, {at},"
            f" CASE WHEN {missed} THEN 'gave_up' END, s.i % 40 FROM {series}"
        ),
        {"calls": calls},
    )
    connection.execute(
        text(
            "INSERT INTO call_leg (call_id, extension, transferred_from, user_id, state,"
            " started_at)"
            " SELECT id, '100', '', 1 + id % 100, 'done', started_at FROM call"
            " WHERE pbx_call_id LIKE 'in_bench_%'"
        )
    )
    connection.execute(text("ANALYZE"))


def _without_search(connection: Connection) -> None:
    """Take the search indexes away: to fill them row by row would take many times longer."""
    for table in SEARCHED:
        if connection.dialect.name == "sqlite":
            for moment in ("insert", "update", "delete"):
                connection.execute(text(f"DROP TRIGGER {table}_search_{moment}"))
        else:
            connection.execute(text(f"DROP INDEX ix_{table}_search"))


def _with_search(connection: Connection) -> None:
    """Make them again, over everything."""
    for table in SEARCHED:
        statements = search_index.statements(table, connection.dialect.name)
        if connection.dialect.name == "sqlite":
            statements = [
                *statements[1:],
                f"INSERT INTO {table}_search ({table}_search) VALUES ('rebuild')",
            ]
        for statement in statements:
            connection.exec_driver_sql(statement)
    connection.execute(text("ANALYZE"))


def settle(engine: Engine) -> None:
    """Finish what a server still does for minutes after a million rows came in at once.

    Nothing but the office's own work shall go on while it is measured.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
            connection.execute(text("CHECKPOINT"))
