"""The launcher of servers: each one is started and used."""

import re

import pytest

from tests import components
from tests.components import MissingComponentError, ensure
from tests.components.kafka import Kafka
from tests.components.memcached import Memcached
from tests.components.mysql import MariaDB
from tests.components.postgresql import PostgreSQL
from tests.components.rabbitmq import RabbitMQ
from tests.components.redis import DurableRedis, Redis
from tests.components.sqs import ElasticMQ, Moto, arn, call, call_sns, create_queue, queued


def test_postgresql_is_real_and_started_once_a_session() -> None:
    server = ensure(PostgreSQL)
    assert server.provenance == "real"
    assert server.execute("SHOW server_version").startswith(server.version)
    assert ensure(PostgreSQL) is server


def test_postgresql_keeps_its_data_and_port_over_a_restart() -> None:
    server = ensure(PostgreSQL)
    server.create_database("kept")
    server.execute("CREATE TABLE kept AS SELECT 42 AS answer", "kept")
    url = server.url
    server.stop()
    server.start()
    assert server.url == url
    assert server.execute("SELECT answer FROM kept", "kept") == "42"


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB])
def test_a_database_that_is_killed_keeps_what_it_has_committed(
    kind: type[PostgreSQL] | type[MariaDB],
) -> None:
    server = ensure(kind)
    server.create_database("killed")
    server.execute("CREATE TABLE numbers AS SELECT 42 AS answer", "killed")
    server.kill()
    server.start()
    assert server.execute("SELECT answer FROM numbers", "killed") == "42"


def test_mariadb_keeps_its_data_and_port_over_a_restart() -> None:
    server = ensure(MariaDB)
    server.execute("CREATE DATABASE kept")
    server.execute("CREATE TABLE kept.kept AS SELECT 42 AS answer")
    url = server.url
    server.stop()
    server.start()
    assert (server.url, server.provenance) == (url, "real")
    assert server.execute("SELECT answer FROM kept.kept") == "42"
    assert server.version.startswith("1")


def test_redis_stores_a_value_that_expires() -> None:
    server = ensure(Redis)
    assert server.execute("SET", "key", "value", "PX", "100000") == "OK"
    assert server.execute("GET", "key") == "value"
    assert int(server.execute("PTTL", "key")) > 0
    assert (server.provenance, server.version.count(".")) == ("real", 2)


def test_a_durable_redis_that_is_killed_keeps_its_data_and_port() -> None:
    server = ensure(DurableRedis)
    server.execute("SET", "kept", "42")
    url = server.url
    server.kill()
    server.start()
    assert (server.url, server.provenance) == (url, "real")
    assert server.execute("GET", "kept") == "42"


def test_rabbitmq_keeps_its_queues_and_port_over_a_restart() -> None:
    server = ensure(RabbitMQ)
    server.create_host("kept")
    url = server.url
    server.stop()
    server.start()
    assert (server.url, server.provenance) == (url, "real")
    assert "kept" in server.control("list_vhosts", "--no-table-headers").splitlines()
    assert server.queued("kept") == {}
    assert server.version.count(".") == 2


def test_kafka_that_is_killed_keeps_its_topics_and_port_until_it_is_cleared() -> None:
    server = ensure(Kafka)
    server.create_topic("kept", 2)
    url = server.url
    server.kill()
    server.start()
    assert (server.url, server.provenance) == (url, "real")
    assert server.topics() == ["kept"]
    assert server.version.count(".") == 2
    server.clear()
    assert server.topics() == []


def test_memcached_stores_a_value() -> None:
    server = ensure(Memcached)
    assert server.execute("set key 0 60 5\r\nvalue") == "STORED"
    assert "value" in server.execute("get key").splitlines()
    assert (server.provenance, server.version.count(".")) == ("real", 2)


def test_elasticmq_keeps_its_messages_when_it_is_killed() -> None:
    server = ensure(ElasticMQ)
    queue = create_queue(server.url, "kept")
    message = {"MessageBody": "tea", "MessageGroupId": "cup", "MessageDeduplicationId": "1"}
    call(queue, "SendMessage", QueueUrl=queue, **message)
    server.kill()
    server.start()
    assert (server.provenance, server.version.count("."), queued(queue)) == ("compatible", 2, 1)
    [received] = call(queue, "ReceiveMessage", QueueUrl=queue)["Messages"]
    assert received["Body"] == "tea"


def test_moto_passes_messages_of_a_topic_on_to_its_queue() -> None:
    server = ensure(Moto)
    queue = create_queue(server.url, "passed")
    fifo = {"Attributes.entry.1.key": "FifoTopic", "Attributes.entry.1.value": "true"}
    created = call_sns(server.url, "CreateTopic", {"Name": "passed.fifo", **fifo})
    [topic] = re.findall(r"<TopicArn>(.+)</TopicArn>", created)
    call_sns(
        server.url, "Subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn(queue)}
    )
    group = {"MessageGroupId": "cup", "MessageDeduplicationId": "1"}
    call_sns(server.url, "Publish", {"TopicArn": topic, "Message": "tea", **group})
    assert (server.provenance, server.version.count("."), queued(queue)) == ("compatible", 2, 1)


def test_a_server_that_is_closed_leaves_neither_process_nor_data() -> None:
    server = Redis()
    home, process = server._home, server._server
    assert process
    server.close()
    assert process.exit_code == 0
    assert not home.exists()


@pytest.mark.usefixtures("nowhere")
def test_a_missing_component_skips_a_test_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PostgreSQL is not installed"):
        ensure(PostgreSQL)


@pytest.mark.usefixtures("nowhere")
def test_a_missing_component_fails_a_test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL is not installed"):
        ensure(PostgreSQL)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session on a machine without any component."""

    def launch(server: PostgreSQL) -> None:
        raise MissingComponentError("PostgreSQL is not installed: apt-get install postgresql")

    monkeypatch.setattr(components, "_running", {})
    monkeypatch.setattr(PostgreSQL, "__init__", launch)
