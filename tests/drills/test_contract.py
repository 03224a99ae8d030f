"""The whole conformance suite against the running service: a worker beside it, everything on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services import ADMIN, Service

ORIGIN = "https://shop.example"


def test_the_service_keeps_the_contract(service: Service, tmp_path: Path) -> None:
    email, password = ADMIN
    service.cli("create-admin", "--email", email, ADMIN_PASSWORD=password)
    key = tmp_path / "key.pem"
    key.write_text(service.env["AUTH_PRIVATE_KEY"])
    budgets = {"AUTH_RATE_LIMIT": "20/minute", "RATE_LIMIT_DEFAULT": "600/minute"}
    replica = service.api(CORS_ORIGINS=ORIGIN, DOCS_ENABLED="true", **budgets)
    service.worker()

    report = verify(
        replica.url,
        *("--admin-email", email, "--admin-password", password),
        *("--signing-key", str(key), "--cors-origin", ORIGIN),
        *("--metrics-url", f"http://127.0.0.1:{replica.metrics_port}/metrics"),
    )

    results = {result["outcome"] for result in report["checks"]}
    failed = [result for result in report["checks"] if result["outcome"] != "passed"]
    assert results == {"passed"}, json.dumps(failed, indent=2)


def verify(url: str, *options: str) -> dict[str, Any]:
    """The report of `scaffold verify`, as JSON."""
    command = [sys.executable, "-m", "scaffold", "verify", url, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
