"""API-2, API-6: whatever is sent to a documented route, the answer is a documented one.

Schemathesis makes valid and invalid requests from the service's own OpenAPI document, follows what
one answer allows to the next request, and checks each answer: no 5xx, no status, media type,
header or body that the document does not name, no invalid request accepted, no route open without
its token.
"""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.services import Replica, Service

SEEDS = (1, 20, 300)
EXAMPLES = 20

# A run that ends its own session or account would see nothing but 401 from there on.
ENDS_IDENTITY = r"^/api/v1/(users/me|auth/logout|auth/refresh|users/\{[a-z_]+\}/roles)$"


@pytest.fixture
def api(service: Service) -> Replica:
    """One API process with its documentation on and tokens that outlive the run, and a worker."""
    service.worker()
    return service.api(DOCS_ENABLED="true", AUTH_ACCESS_TTL_SECONDS="3600")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_caller_with_all_permissions_gets_only_documented_answers(
    service: Service, api: Replica, tmp_path: Path, seed: int
) -> None:
    headers = service.sign_in_admin(api.url)
    _fuzz(api, headers, seed, tmp_path, "--exclude-path-regex", ENDS_IDENTITY)
    if service.has_accounts:
        still = httpx.get(f"{api.url}/api/v1/users/me", headers=headers)
        assert still.status_code == 200, "the run lost its identity and tested little"


@pytest.mark.needs("auth")
def test_a_member_gets_only_documented_answers(
    service: Service, api: Replica, tmp_path: Path
) -> None:
    headers = service.sign_in(api.url, "member")
    _fuzz(api, headers, SEEDS[0], tmp_path, "--exclude-path-regex", ENDS_IDENTITY)


@pytest.mark.needs("auth")
def test_routes_that_end_an_identity_give_only_documented_answers(
    service: Service, api: Replica, tmp_path: Path
) -> None:
    headers = service.sign_in(api.url, "leaver")
    _fuzz(api, headers, SEEDS[0], tmp_path, "--include-path-regex", ENDS_IDENTITY)


def _fuzz(api: Replica, headers: dict[str, str], seed: int, folder: Path, *options: str) -> None:
    """Run Schemathesis; fails with what it found and how to repeat it."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
        "run",
        f"{api.url}/openapi.json",
        "--phases=examples,coverage,fuzzing,stateful",
        f"--seed={seed}",
        f"--max-examples={EXAMPLES}",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--generation-database=none",
        "--request-timeout=15",
        "--no-color",
        *(f"--header={name}:{value}" for name, value in headers.items()),
        *options,
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-12000:]}{done.stderr[-2000:]}"
