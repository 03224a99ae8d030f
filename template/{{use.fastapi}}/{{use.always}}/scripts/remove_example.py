"""Removes the orders and what names them, then itself. Run it as `make remove-example`, in a clean work tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ("src/app/orders", "tests/orders")
FILES = ("migrations/versions/0004_orders.py", __file__)
EDITS = (
    # file, what it says, what it says without orders
    ("src/app/main.py", r"^(from app import .*)\borders, ", r"\1"),
    ("src/app/main.py", r"\borders\.router, |, orders\.router\b", ""),
    ("src/app/cli.py", r"from app\.orders\.seed import plant\n", ""),
    ("src/app/cli.py", r"    for line in await plant\(.*\n.*\n", "    # Store what your features need.\n"),
    ("src/app/worker.py", r"from app\.orders\.handlers import confirm_order\n", ""),
    ("src/app/worker.py", r"import Consumer\n", "import Consumer, Handler\n"),
    ("src/app/worker.py", r'HANDLERS = {"order\.placed": confirm_order}', "HANDLERS: dict[str, Handler] = {}"),
    ("src/app/auth/permissions.py", r'    ORDERS_\w+ = "orders:\w+"\n', ""),
    ("src/app/auth/permissions.py", r"frozenset\({Permission\.ORDERS_\w+, Permission\.ORDERS_\w+}\)", "frozenset()"),
    ("Makefile", r" remove-example$", ""),
    ("Makefile", r"remove-example: .*\n(\t.*\n)+\n", ""),
    ("README.md", r"`make remove-example` removes .*\n", ""),
)


def main() -> None:
    # While the migration is still there: a database that has it could go neither back nor forth afterwards.
    subprocess.run([sys.executable, "-m", "alembic", "downgrade", "0004_orders-1"], capture_output=True, check=False)
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
    for file in FILES:
        Path(file).unlink(missing_ok=True)
    for file, said, says in EDITS:
        if (path := Path(file)).exists():
            path.write_text(re.sub(said, says, path.read_text(), flags=re.MULTILINE))
    if left := list(mentions("src", "tests", "migrations")):
        sys.exit("\n".join(["error: these lines still name orders", *left, "", "hint: remove them by hand"]))
    print("The orders are gone. README.md, docs/ and scripts/load.py still tell of them: let them tell of yours.")


def mentions(*folders: str) -> list[str]:
    """Where Python files still name orders, as `file:line: text`."""
    return [
        f"{path}:{number}: {line.strip()}"
        for folder in folders
        for path in sorted(Path(folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"app\.orders|import .*\borders\b|\borders\.\w|\borders:|ORDERS_", line)
    ]


if __name__ == "__main__":
    main()
