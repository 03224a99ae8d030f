"""Move a file that the template has renamed, before an update: `move.py OLD NEW`.

Through git, so that the update finds at its new place what the team has written. Without OLD, or
with something at NEW, there is nothing to do.
"""

import os
import subprocess
import sys
from pathlib import Path


def main(old: Path, new: Path) -> None:
    """Move `old` to `new`, both relative to the project."""
    if os.path.lexists(old) and not os.path.lexists(new):
        new.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "mv", "--", old, new], check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
