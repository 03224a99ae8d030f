"""SQS and SNS: stand-ins, because nobody can install the real ones.

ElasticMQ is SQS alone, and keeps its messages over a restart. moto also has SNS, but keeps nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.components.process import (
    MissingComponentError,
    Process,
    Provenance,
    free_ports,
    wait_until,
)

_WORK = Path(__file__).parents[2] / ".work"
# Without the delay of 0, a killed server loses messages that it has acknowledged.
_CONFIGURATION = """\
include classpath("application.conf")
node-address {{ host = "127.0.0.1", port = {port} }}
rest-sqs {{ bind-hostname = "127.0.0.1", bind-port = {port}, sqs-limits = strict }}
rest-stats {{ enabled = false }}
messages-storage {{ enabled = true, uri = "jdbc:h2:./messages;WRITE_DELAY=0" }}
"""
_FIFO = {
    "FifoQueue": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
    "MessageRetentionPeriod": "1209600",
}
_RECEIVE_LIMIT = 100


class ElasticMQ:
    """A throwaway ElasticMQ server that can be killed and started again on the same port."""

    provenance: Provenance = "compatible"

    def __init__(self) -> None:
        self._program = _program("elasticmq/elasticmq")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-elasticmq-"))
        self.port = free_ports(1)[0]
        self._log = self._home / "server.log"
        (self._home / "elasticmq.conf").write_text(_CONFIGURATION.format(port=self.port))
        self._server: Process | None = None
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `1.7.1`."""
        said = re.search(r"Starting ElasticMQ server \((\S+)\)", self._log.read_text())
        assert said
        return said[1]

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers (a few seconds)."""
        self._server = Process(
            [self._program],
            log=self._log,
            env={**os.environ, "ELASTICMQ_OPTS": "-Dconfig.file=elasticmq.conf"},
            cwd=self._home,
        )
        wait_until(lambda: answers(self.url), 60, "ElasticMQ did not start", self._server)

    def stop(self) -> None:
        """End the server; its data stays."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(30)
            self._server = None

    def kill(self) -> None:
        """`kill -9` of the server; its data stays."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


class Moto:
    """A throwaway moto server, with SQS and SNS in memory."""

    provenance: Provenance = "compatible"

    def __init__(self) -> None:
        program = _program("moto/bin/moto_server")
        self._python = Path(program).with_name("python")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-moto-"))
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self._server = Process(
            [program, "--host", "127.0.0.1", "--port", str(port)], log=self._home / "server.log"
        )
        try:
            wait_until(lambda: answers(self.url), 60, "moto did not start", self._server)
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `5.2.5`."""
        command = [str(self._python), "-c", "import moto; print(moto.__version__)"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def close(self) -> None:
        """Stop the server; its data is gone."""
        self._server.kill()
        shutil.rmtree(self._home, ignore_errors=True)


def create_queue(server: str, name: str) -> str:
    """Create the FIFO queue `NAME.fifo` as the docs of a service describe it; gives its URL."""
    refused = call(server, "CreateQueue", QueueName=f"{name}-refused.fifo", Attributes=_FIFO)
    redrive = {
        "deadLetterTargetArn": arn(refused["QueueUrl"]),
        "maxReceiveCount": _RECEIVE_LIMIT,
    }
    attributes = {**_FIFO, "RedrivePolicy": json.dumps(redrive)}
    queue = call(server, "CreateQueue", QueueName=f"{name}.fifo", Attributes=attributes)
    return str(queue["QueueUrl"])


def arn(queue_url: str) -> str:
    """The ARN of a queue."""
    return attribute(queue_url, "QueueArn")


def queued(queue_url: str) -> int:
    """The number of messages in a queue, also those being handled."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(attribute(queue_url, name)) for name in names)


def attribute(queue_url: str, name: str) -> str:
    """An attribute of a queue."""
    answer = call(queue_url, "GetQueueAttributes", QueueUrl=queue_url, AttributeNames=[name])
    return str(answer["Attributes"][name])


def call(url: str, action: str, **parameters: Any) -> dict[str, Any]:
    """Ask SQS on the server of `url`. Raises AssertionError when it refuses."""
    answer = httpx.post(
        httpx.URL(url).join("/"),
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": _signed_for("sqs"),
        },
        content=json.dumps(parameters),
        timeout=30,
    )
    assert answer.status_code == 200, f"{action}: {answer.text}"
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def call_sns(url: str, action: str, parameters: Mapping[str, str]) -> str:
    """Ask SNS on the server of `url`; gives its answer as XML. Raises AssertionError."""
    answer = httpx.post(
        url,
        headers={"Authorization": _signed_for("sns")},
        data={"Action": action, "Version": "2010-03-31", **parameters},
        timeout=30,
    )
    assert answer.status_code == 200, f"{action}: {answer.text}"
    return answer.text


def answers(url: str) -> bool:
    """Whether SQS answers there."""
    try:
        call(url, "ListQueues")
    except (httpx.TransportError, AssertionError):
        return False
    return True


def _signed_for(service: str) -> str:
    """A header that names the service. The stand-ins check no signature."""
    scope = f"none/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"


def _program(name: str) -> str:
    path = _WORK / name
    if not path.exists():
        raise MissingComponentError(f"{path.name} is not installed: scripts/setup.sh servers")
    return str(path)
