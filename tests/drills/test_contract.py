"""The whole conformance suite against the running service: a worker beside it, everything on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services import ADMIN, Service

ORIGIN = "https://shop.example"
LIMITS = {
    "AUTH_RATE_LIMIT": "20/minute",
    "AUTH_LOCKOUT_FAILURES": "5",
    "RATE_LIMIT_DEFAULT": "600/minute",
}


def test_the_service_keeps_the_contract(service: Service, tmp_path: Path) -> None:
    replica = service.api(CORS_ORIGINS=ORIGIN, DOCS_ENABLED="true", **LIMITS)
    service.worker()
    report = verify(
        replica.url,
        *_admin(service, tmp_path),
        *("--cors-origin", ORIGIN),
        *("--metrics-url", f"http://127.0.0.1:{replica.metrics_port}/metrics"),
    )
    failed = [check for check in report["checks"] if check["outcome"] == "failed"]
    assert failed == [], json.dumps(failed, indent=2)
    skipped = {check["detail"] for check in report["checks"] if check["outcome"] == "skipped"}
    explained = set() if service.has_accounts else {"does not apply: the service has no accounts"}
    assert skipped == explained


def _admin(service: Service, folder: Path) -> list[str]:
    """The options with an admin and the key that signs tokens, if the service has accounts."""
    if not service.has_accounts:
        return []
    service.cli("create-admin", "--email", ADMIN[0], ADMIN_PASSWORD=ADMIN[1])
    key = folder / "key.pem"
    key.write_text(service.env["AUTH_PRIVATE_KEY"])
    return ["--admin-email", ADMIN[0], "--signing-key", str(key)]


def verify(url: str, *options: str) -> dict[str, Any]:
    """The report of `scaffold verify`, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "scaffold", "verify", url, "--json", *options],
        env={**os.environ, "VERIFY_ADMIN_PASSWORD": ADMIN[1] if "--admin-email" in options else ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
