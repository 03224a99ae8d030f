"""Drops the collection of the orders. `remove_example.py` uses it."""

import subprocess
import sys


def drop_tables() -> bool:
    """Drop the collection of the orders. False if the database was never migrated, so that it has none."""
    command = [sys.executable, "-m", "app.migrations", "downgrade"]
    result = _run(*command, "0004_orders")
    if "has not run on this database" in result.stdout:
        return False
    if not result.returncode:
        result = _run(*command, "-1")
    if result.returncode:
        cause = (result.stdout.splitlines() or ["no reason given"])[-1].removeprefix("Error: ")
        hint = "start the database, or correct DATABASE_URL"
        sys.exit(f"error: the tables were not dropped: {cause}\n\nhint: {hint}")
    return True


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
