"""Removes the orders, their tables, what names them, and itself: `make remove-example`, in a clean work tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

GONE = ("src/app/orders", "tests/orders", "migrations/versions/0004_orders.py", __file__)
EDITS = (  # file, what it says, what it says without orders
    ("src/app/main.py", r"\borders(\.router)?, |, orders\.router\b", ""),
    ("src/app/cli.py", r"from app\.orders\.seed import plant\n", ""),
    ("src/app/cli.py", r"for line in await plant\(.*\n.*\n", "await database.ping()  # Store what features need.\n"),
    ("src/app/worker.py", r"from app\.orders\.handlers import confirm_order\n", ""),
    ("src/app/worker.py", r"import Consumer\n", "import Consumer, Handler\n"),
    ("src/app/worker.py", r'HANDLERS = {"order\.placed": confirm_order}', "HANDLERS: dict[str, Handler] = {}"),
    ("src/app/auth/permissions.py", r'    ORDERS_\w+ = "orders:\w+"\n', ""),
    ("src/app/auth/permissions.py", r"frozenset\({Permission\.ORDERS_\w+, Permission\.ORDERS_\w+}\)", "frozenset()"),
    ("Makefile", r" remove-example$|remove-example: .*\n(\t.*\n)+\n", ""),
    ("README.md", r"`make remove-example` removes .*\n", ""),
)
NAMED = re.compile(r"app\.orders|import .*\borders\b|\borders\.\w|\borders:|ORDERS_")

if __name__ == "__main__":
    for path in Path("migrations/versions").glob("*.py"):
        if re.search(r"^down_revision.*\b0004_orders\b", path.read_text(), flags=re.MULTILINE):
            sys.exit(f"error: {path} builds on 0004_orders\n\nhint: let it follow what that one follows, or remove it")
    # While the migration is there: a database that has it could go neither back nor forth afterwards.
    subprocess.run([sys.executable, "-m", "alembic", "downgrade", "0004_orders-1"], capture_output=True, check=False)
    for path in filter(Path.exists, map(Path, GONE)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file, said, says in EDITS:
        if (path := Path(file)).exists():
            path.write_text(re.sub(said, says, path.read_text(), flags=re.MULTILINE))
    code = [path for folder in ("src", "tests", "migrations") for path in sorted(Path(folder).rglob("*.py"))]
    lines = ((path, number, line) for path in code for number, line in enumerate(path.read_text().splitlines(), 1))
    if left := [f"{path}:{number}: {line.strip()}" for path, number, line in lines if NAMED.search(line)]:
        sys.exit("\n".join(["error: these lines still name orders", *left, "", "hint: remove them by hand"]))
    print("The orders are gone, and so are their tables.")
    print("Still telling of them, until they tell of yours: README.md AGENTS.md pyproject.toml docs/ scripts/load.py")
