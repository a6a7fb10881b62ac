"""Metrics for monitoring: about calls and parts of the system, never about people."""

from collections.abc import Iterator
from datetime import datetime

from flask import current_app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.health import services
from crm_app.jobs import services as jobs
from crm_app.security import upkeep
from crm_app.telephony.models import TextMessage
from crm_app.telephony.setup import health_checks


class _Office(Collector):
    """Reads every metric on request, so that all web processes agree."""

    def collect(self) -> Iterator[Metric]:
        parts = services.check_all()
        ready = GaugeMetricFamily(
            "ramal_ready", "1 when a part that Ramal needs is there", labels=["part"]
        )
        for part in parts:
            ready.add_metric([part.name], float(part.is_ready))
        yield ready
        yield from _of_the_spool()
        if all(part.is_ready for part in parts if part.name in {"database", "migrations"}):
            yield from _of_the_office()


def text() -> bytes:
    """Write all metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Office())
    return generate_latest(registry)


def _of_the_spool() -> Iterator[Metric]:
    spool = services.look_at(current_app.extensions["webhook_receiver"].spool)
    yield _gauge(
        "ramal_spool_records", "Notifications that wait in a file for the database", spool.records
    )
    yield _gauge(
        "ramal_spool_oldest_seconds", "How long the oldest of them has waited", spool.oldest_seconds
    )


def _of_the_office() -> Iterator[Metric]:
    with database.reading():
        live = db.session.scalar(select(func.count()).select_from(Call.live().subquery()))
        facts = db.session.scalar(select(func.max(CallFact.id)))
        messages = db.session.scalar(select(func.max(TextMessage.id)))
        people = db.session.scalar(select(func.count()).select_from(User.enabled().subquery()))
        seen = health_checks.arrivals()
        kinds = upkeep.totals()
        owed = jobs.owed()
    security = CounterMetricFamily(
        "ramal_security_events", "What happened that concerns security, by kind", labels=["kind"]
    )
    for kind, count in kinds.items():
        security.add_metric([kind], float(count))
    yield security
    yield from _of_the_jobs(owed)
    yield _gauge("ramal_calls_live", "Calls that ring or in which somebody talks", live)
    yield _gauge("ramal_call_facts", "Facts about calls stored since the beginning", facts)
    yield _gauge("ramal_text_messages", "Text messages stored since the beginning", messages)
    yield _gauge("ramal_users_enabled", "People who may sign in", people)
    yield _gauge(
        "ramal_last_notification_timestamp_seconds",
        "When the PBX was last heard, in seconds of Unix time; 0 when never",
        _unix(seen.last_event_at),
    )
    yield _gauge(
        "ramal_unreadable_notifications",
        "Notifications of the last seven days that could not be understood, and were kept",
        seen.unreadable_count,
    )


def _of_the_jobs(owed: list[jobs.Owed]) -> Iterator[Metric]:
    due = GaugeMetricFamily("ramal_jobs_due", "Jobs whose time has come, by kind", labels=["kind"])
    failed = GaugeMetricFamily(
        "ramal_jobs_failed", "Jobs whose last try failed, by kind", labels=["kind"]
    )
    for each in owed:
        due.add_metric([each.kind], each.due)
        failed.add_metric([each.kind], each.failed)
    yield due
    yield failed
    oldest = min((each.oldest_due_at for each in owed if each.oldest_due_at), default=None)
    waited = (clock.now() - oldest).total_seconds() if oldest else 0
    yield _gauge("ramal_jobs_oldest_seconds", "How long the oldest of those due has waited", waited)


def _gauge(name: str, meaning: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value or 0)


def _unix(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0
