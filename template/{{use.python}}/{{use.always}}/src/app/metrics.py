"""The metrics. The number of label values is bounded: `route` is the path template of a route, never a path."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from app import __version__
from app.config import Settings
from app.lifecycle import listen

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

request_duration = Histogram(
    "http_server_request_duration_seconds", "Time to answer a request", ["method", "route", "status"], buckets=BUCKETS
)
requests_in_flight = Gauge("http_server_requests_in_flight", "Requests being answered")
_database_duration = Histogram(
    "db_client_operation_duration_seconds",
    "Time of a read or a transaction, including the time between its statements",
    ["operation"],
    buckets=BUCKETS,
)
database_reads = _database_duration.labels("read")
database_transactions = _database_duration.labels("transaction")
_pool_connections = Gauge("db_pool_connections", "Pooled database connections", ["state"])
jobs = Counter("jobs_total", "Scheduled jobs that ran", ["job", "result"])
Gauge("build_info", "Always 1", ["version"]).labels(__version__).set(1)


# Cached, because the lookup of labels costs more than the observation itself.
@cache
def request_timer(method: str, route: str, status: int) -> Histogram:
    return request_duration.labels(method, route, status)


def check_port(settings: Settings) -> None:
    """End the process if the separate port is taken. In a running server, the error would be a traceback."""
    if settings.separate_metrics_port is not None:
        listen(settings.host, settings.separate_metrics_port, "METRICS_PORT").close()


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """Serve the metrics on their separate port, if there is one, until the context ends."""
    if settings.separate_metrics_port is None:
        yield
        return
    server, _ = start_http_server(settings.separate_metrics_port, settings.host)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def watch_pool(connections: Callable[[], dict[str, int]]) -> None:
    """Read the connection pool at each scrape. `connections` returns the number of connections by state."""
    for state in connections():

        def count(state: str = state) -> int:
            return connections()[state]

        _pool_connections.labels(state).set_function(count)
