"""Events of a service with SQS reach others through a topic of SNS; moto stands in for both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.combinations import answered, is_offered
from tests.components import ensure
from tests.components.sqs import Moto, arn, call, call_sns, queued
from tests.drills import databases
from tests.runtimes import install
from tests.services import Service, generate

pytestmark = pytest.mark.skipif(not is_offered("queue", "sqs"), reason="SQS is not offered yet")

TOPIC = "arn:aws:sns:us-east-1:123456789012:shop-events.fifo"
HANDLERS = '''\
"""Each order is noted at the second attempt."""

from pathlib import Path

from app.messaging import Handlers


async def note(session, event):
    if not Path("tried").exists():
        Path("tried").touch()
        raise ValueError("try again")
    Path("noted").touch()


HANDLERS: Handlers = {"order.placed": (note,)}
'''
ORDER = {
    "reference": "A-1",
    "currency": "EUR",
    "lines": [{"sku": "tea", "quantity": 1, "unit_price": "1"}],
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that creates its queues and its topic, because it runs in development."""
    moto = ensure(Moto)
    answers = {"database": "postgresql", "auth": "none", "queue": "sqs"}
    flags = [word for name, value in answers.items() for word in (f"--{name}", value)]
    project = generate(tmp_path / "shop", "--cache", "memory", *flags)
    (project / "src/app/subscriptions.py").write_text(HANDLERS)
    database = databases.create("postgresql", "sns", tmp_path)
    env = {
        "DATABASE_URL": database.url,
        "QUEUE_URL": f"{moto.url}/123456789012/shop-events.fifo",
        "QUEUE_TOPIC_ARN": TOPIC,
        "EMBEDDED_WORKER": "false",
    }
    recorded = answered({**answers, "cache": "memory"}).recorded
    service = Service(recorded, project, install(project), env, tmp_path / "logs")
    service.migrate()
    yield service
    service.stop()


def test_another_service_gets_each_event_once_that_its_filter_lets_through(
    service: Service,
) -> None:
    server = ensure(Moto).url
    worker, api = service.worker(), service.api()
    eventually(lambda: TOPIC in call_sns(server, "ListTopics", {}))
    wanted = subscribed(server, "wanted", "order.placed")
    unwanted = subscribed(server, "unwanted", "order.shipped")

    answer = httpx.post(f"{api.url}/api/v1/orders", json=ORDER)
    assert answer.status_code == 201, answer.text
    eventually((service.project / "noted").exists)

    assert (queued(wanted), queued(unwanted)) == (1, 0)
    [message] = call(wanted, "ReceiveMessage", QueueUrl=wanted)["Messages"]
    assert answer.json()["id"] in message["Body"]
    assert '"type": "order.placed"' in message["Body"]
    assert worker.process.exit_code is None
    eventually(lambda: queued(f"{server}/123456789012/shop-events.fifo") == 0)


def test_a_missing_topic_ends_the_worker_in_production(service: Service) -> None:
    service.api().terminate()
    service.env["QUEUE_TOPIC_ARN"] = f"{TOPIC.removesuffix('.fifo')}-missing.fifo"
    worker = service.worker(APP_ENV="production")

    assert worker.process.wait(20) == 78
    said = worker.process.log.read_text().strip()
    assert said == f"error: QUEUE_URL: there is no topic {service.env['QUEUE_TOPIC_ARN']}"


def subscribed(server: str, name: str, event_type: str) -> str:
    """The URL of a new queue of another service that gets the events of one type."""
    fifo = {"FifoQueue": "true"}
    queue = call(server, "CreateQueue", QueueName=f"{name}.fifo", Attributes=fifo)["QueueUrl"]
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": f'{{"type": ["{event_type}"]}}'}
    entries = {
        f"Attributes.entry.{number}.{part}": text
        for number, pair in enumerate(attributes.items(), 1)
        for part, text in zip(("key", "value"), pair, strict=True)
    }
    endpoint = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": arn(queue)}
    call_sns(server, "Subscribe", {**endpoint, **entries})
    return str(queue)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after 20 seconds."""
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.1)
