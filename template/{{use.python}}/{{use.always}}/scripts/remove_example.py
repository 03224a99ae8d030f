"""Remove the orders, their tables, the code that uses them, and this script: `make remove-example`.

Run it in a clean work tree.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from drop_example import drop_tables

REMOVED = (
    *("src/app/orders", "tests/orders", "tests/auth/test_ownership.py", "tests/auth/test_erasure.py"),
    *("migrations/versions/0004_orders.py", "scripts/drop_example.py", __file__),
)
EDITS = (  # file, pattern, replacement
    ("src/app/main.py", r"\borders(\.router)?, |, orders\.router\b", ""),
    ("src/app/main.py", r"    PersonalData\(\"orders\".*\n", ""),
    ("src/app/cli.py", r"from app\.orders\.seed import seed as seed_orders\n", ""),
    ("src/app/cli.py", r"owner, lines = (await auth\.seed\(.*\n).*\n", r"_, lines = \1"),
    ("src/app/subscriptions.py", r"from app\.orders\.\w+ import \w+\n", ""),
    ("src/app/subscriptions.py", r'( {4})?"order\.placed": (\(.*?\)|\w+)(,\n)?', ""),
    ("src/app/permissions.py", r'    ORDERS_\w+ = "orders:\w+"\n', ""),
    ("src/app/permissions.py", r"Permission\.ORDERS_\w+(, )?", ""),
    ("src/app/permissions.py", r"frozenset\({}\)", "frozenset()"),
    ("Makefile", r" remove-example$|remove-example: .*\n(\t.*\n)+\n", ""),
    ("README.md", r"`make remove-example` removes .*\n", ""),
)
USES = re.compile(r"app\.orders|import .*\borders\b|\borders\.\w|\borders:|ORDERS_")


def lines_using_orders(path: Path) -> list[str]:
    lines = enumerate(path.read_text().splitlines(), 1)
    return [f"{path}:{number}: {line.strip()}" for number, line in lines if USES.search(line)]


if __name__ == "__main__":
    if os.environ.get("APP_ENV") == "production":
        sys.exit("error: this would delete the orders of production\n\nhint: run it in a checkout, on a local database")
    for path in Path("migrations/versions").glob("*.py"):
        if re.search(r"^down_revision.*\b0004_orders\b", path.read_text(), flags=re.MULTILINE):
            sys.exit(f"error: {path} builds on 0004_orders\n\nhint: change its down_revision, or remove it")
    # Before the migration file is removed: without it, the database can be neither upgraded nor downgraded.
    had_tables = drop_tables()
    for path in map(Path, REMOVED):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for file, pattern, replacement in EDITS:
        path = Path(file)
        if path.exists():
            path.write_text(re.sub(pattern, replacement, path.read_text(), flags=re.MULTILINE))
    left: list[str] = []
    for folder in ("src", "tests", "migrations"):
        for path in sorted(Path(folder).rglob("*.py")):
            left += lines_using_orders(path)
    if left:
        sys.exit("\n".join(["error: these lines still use orders", *left, "", "hint: remove them by hand"]))
    tables = "and so are their tables" if had_tables else "and the database had no tables of them"
    print(f"The orders are gone, {tables}.")
    print("These still describe orders: README.md AGENTS.md pyproject.toml docs/ scripts/load.py")
