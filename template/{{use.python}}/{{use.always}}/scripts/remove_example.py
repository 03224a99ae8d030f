"""Remove the orders, their tables, what names them, and this script: `make remove-example`, in a clean work tree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

GONE = (
    *("src/app/orders", "tests/orders", "tests/auth/test_ownership.py", "tests/auth/test_erasure.py"),
    *("migrations/versions/0004_orders.py", __file__),
)
EDITS = (  # file, pattern, replacement
    ("src/app/main.py", r"\borders(\.router)?, |, orders\.router\b", ""),
    ("src/app/main.py", r"    PersonalData\(\"orders\".*\n", ""),
    ("src/app/cli.py", r"from app\.orders\.seed import seed as seed_orders\n", ""),
    ("src/app/cli.py", r"owner, lines = (await auth\.seed\(.*\n).*\n", r"_, lines = \1"),
    ("src/app/subscriptions.py", r"from app\.orders\.handlers import confirm_order\n", ""),
    ("src/app/subscriptions.py", r'{"order\.placed": \(confirm_order,\)}', "{}"),
    ("src/app/permissions.py", r'    ORDERS_\w+ = "orders:\w+"\n', ""),
    ("src/app/permissions.py", r"frozenset\({Permission\.ORDERS_\w+, Permission\.ORDERS_\w+}\)", "frozenset()"),
    ("Makefile", r" remove-example$|remove-example: .*\n(\t.*\n)+\n", ""),
    ("README.md", r"`make remove-example` removes .*\n", ""),
)
NAMED = re.compile(r"app\.orders|import .*\borders\b|\borders\.\w|\borders:|ORDERS_")

if __name__ == "__main__":
    if os.environ.get("APP_ENV") == "production":
        sys.exit("error: this would delete the orders of production\n\nhint: run it in a checkout, on a local database")
    for path in Path("migrations/versions").glob("*.py"):
        if re.search(r"^down_revision.*\b0004_orders\b", path.read_text(), flags=re.MULTILINE):
            sys.exit(f"error: {path} builds on 0004_orders\n\nhint: let it follow what that one follows, or remove it")
    # First, because Alembic can neither upgrade nor downgrade a database whose migration has no file.
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
    print("These still describe orders: README.md AGENTS.md pyproject.toml docs/ scripts/load.py")
