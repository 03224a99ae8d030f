"""The metrics, by the names that dashboards know. Labels are bounded: a route is its template, never a path."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app import __version__

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

request_duration = Histogram(
    "http_server_request_duration_seconds", "Time to answer a request", ["method", "route", "status"], buckets=BUCKETS
)
requests_in_flight = Gauge("http_server_requests_in_flight", "Requests being answered")
_database_duration = Histogram(
    "db_client_operation_duration_seconds",
    "Time that a read or a transaction took, with whatever happened in between its statements",
    ["operation"],
    buckets=BUCKETS,
)
database_reads = _database_duration.labels("read")
database_transactions = _database_duration.labels("transaction")
jobs = Counter("jobs_total", "Scheduled jobs that ran", ["job", "result"])
Gauge("build_info", "Always 1", ["version"]).labels(__version__).set(1)


# A lookup of labels costs more than the observation itself.
@cache
def request_timer(method: str, route: str, status: int) -> Histogram:
    return request_duration.labels(method, route, status)


@contextmanager
def pool(connections: Callable[[], dict[str, int]]) -> Iterator[None]:
    """Reads the connection pool whenever metrics are scraped."""
    collector = _Pool(connections)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)


class _Pool(Collector):
    def __init__(self, connections: Callable[[], dict[str, int]]) -> None:
        self._connections = connections

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("db_pool_connections", "Pooled database connections", labels=["state"])
        for state, count in self._connections().items():
            family.add_metric([state], count)
        yield family
