"""Drops the tables of the orders. `remove_example.py` uses it."""

import subprocess
import sys


def drop_tables() -> bool:
    """Drop the tables of the orders. False if the database was never migrated, so that it has none."""
    command = [sys.executable, "-m", "alembic", "downgrade", "0004_orders-1"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if "is not a valid downgrade target" in result.stdout:
        return False
    if result.returncode:
        cause = (result.stdout.splitlines() or ["no reason given"])[-1]
        sys.exit(f"error: the tables were not dropped: {cause}\n\nhint: start the database, or correct DATABASE_URL")
    return True
