"""Resolve the packages of every stack and record what was tested together.

    python -m scripts.lock             keep the recorded versions, resolve what is new
    python -m scripts.lock --upgrade   take the newest versions

For each `template/*/_stack/stack.yml` it writes the lock beside it: every package with its hashes,
between `{% if %}` lines that name the layers which need it. A package has one version whatever was
chosen, so that changing an answer later changes no version. `lock.jinja` has the requirements of a
stack in Python; that needs `uv` on the PATH or in `.uv/bin`. `package-lock.jinja` has the packages
of a stack on Node; that needs npm.
"""

import argparse
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from scripts import npm_lock

ROOT = Path(__file__).parents[1]
AXES = {
    "db": (
        {"db_sqlite", "db_sql"},
        {"db_postgresql", "db_sql"},
        {"db_mysql", "db_sql"},
        {"db_mongodb"},
    ),
    "auth": ({"auth_jwt", "auth_users"}, {"auth_none"}),
    "queue": (
        {"queue_database", "queue_outbox"},
        {"queue_rabbitmq", "queue_outbox", "queue_broker"},
        {"queue_redis", "queue_outbox", "queue_broker", "redis"},
        {"queue_kafka", "queue_outbox", "queue_broker"},
        {"queue_sqs", "queue_outbox", "queue_broker"},
        {"queue_none"},
    ),
    "cache": (
        {"cache_memory"},
        {"cache_redis", "cache_server", "redis"},
        {"cache_memcached", "cache_server"},
    ),
    "webhooks": ({"webhooks_none"}, {"webhooks_signed", "http_client"}),
}
"""The layers of each choice: its own, and the one that it shares with choices of the same kind."""
IMPLIED = frozenset({"always"})
"""Layers that every combination has."""

HEADER = "{# Written by scripts/lock.py: what was tested together, and what needs each. #}\n"


class Combination(NamedTuple):
    """Layers chosen together, and whether the development tools are wanted too."""

    layers: frozenset[str]
    dev: bool

    @property
    def flags(self) -> frozenset[str]:
        """Layer names that tell combinations apart, and `dev`."""
        return (self.layers - IMPLIED) | ({"dev"} if self.dev else frozenset())


def main() -> None:
    """Write the lock of every stack; exit 1 with one line when one cannot be resolved."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = parser.parse_args().upgrade
    write = {"python": write_requirements, "node": write_package_lock}
    for path in sorted(ROOT.glob("template/*/_stack/stack.yml")):
        for stack in records(path).values():
            write[stack["language"]](path, stack, upgrade=upgrade)


def records(path: Path) -> dict[str, dict[str, Any]]:
    """The stacks that a `stack.yml` describes, by name."""
    questions = yaml.safe_load(path.read_text())
    return {
        name.removeprefix("stack_"): question["default"] for name, question in questions.items()
    }


def write_requirements(path: Path, stack: dict[str, Any], *, upgrade: bool) -> None:
    """Resolve `stack`; write `lock.jinja`, and the reserved names in the `stack.yml` at `path`."""
    lock = path.with_name("lock.jinja")
    known = "" if upgrade or not lock.exists() else plain(lock.read_text())
    union = blocks(resolve(every_need(stack), known, "--generate-hashes"))
    pins = "\n".join(union)
    # A package that is needed for two reasons has the marker that allows both, whatever was chosen.
    line_of = {pin(line): line for line in union}
    needed_by: dict[str, set[Combination]] = {}
    for combination in combinations():
        for line in blocks(resolve(needs(stack, combination), pins)):
            needed_by.setdefault(line_of[pin(line)], set()).add(combination)
    hashes = {pin(line): text for line, text in union.items()}
    lock.write_text(HEADER + "".join(guarded(needed_by, hashes)))
    reserve(path, {"app"} | set(map(name, needed_by)))
    print(f"{lock.relative_to(ROOT)}: {len(needed_by)} packages")


def write_package_lock(path: Path, stack: dict[str, Any], *, upgrade: bool) -> None:
    """Resolve `stack`; write `package-lock.jinja`, and the reserved names in the `stack.yml`."""
    lock = path.with_name("package-lock.jinja")
    known = {} if upgrade or not lock.exists() else npm_lock.parsed(plain(lock.read_text()))
    union = npm_lock.resolve(manifest(stack), known, stack["engines"])
    everyone = {combination for combination in combinations() if combination.dev}
    needed_by: dict[str, dict[str, set[Combination]]] = {place: {} for place in union}
    for combination in everyone:
        for place, entry in npm_lock.cut(union, manifest(stack, combination)).items():
            text = npm_lock.written(place, entry)
            needed_by[place].setdefault(text, set()).add(combination)
    entries = [
        f"{{% if {any_layer(place, users, everyone)} %}}\n{text}{{% endif %}}\n"
        if users != everyone
        else text
        for place, texts in needed_by.items()
        for text, users in texts.items()
    ]
    lock.write_text(HEADER + "".join(entries))
    reserve(
        path, {"node", "npm"} | {each for each in map(npm_lock.package, union) if each[0] != "@"}
    )
    print(f"{lock.relative_to(ROOT)}: {len(union)} packages")


def manifest(stack: dict[str, Any], combination: Combination | None = None) -> npm_lock.Manifest:
    """What a combination needs of npm; without one, what all choices together need."""
    lists = (
        frozenset(
            package["need"]
            for package in packages
            if combination is None or package["when"] in combination.layers
        )
        for packages in (stack["packages"], stack["dev_packages"])
    )
    return npm_lock.Manifest(*lists)


def plain(lock: str) -> str:
    """A lock as a requirements file, without its Jinja lines."""
    return re.sub(r"\{[#%].*?[#%]\}\n", "", lock)


def every_need(stack: dict[str, Any]) -> Iterator[str]:
    """The requirements of all choices together."""
    return (package["need"] for package in stack["packages"] + stack["dev_packages"])


def needs(stack: dict[str, Any], combination: Combination) -> Iterator[str]:
    """The requirements of one combination."""
    packages = stack["packages"] + (stack["dev_packages"] if combination.dev else [])
    return (package["need"] for package in packages if package["when"] in combination.layers)


def combinations() -> Iterator[Combination]:
    """Every combination that can be chosen, without and with the development tools."""
    for chosen in itertools.product(*AXES.values()):
        for dev in (False, True):
            yield Combination(IMPLIED.union(*chosen), dev)


def resolve(requirements: Iterable[str], known: str, *options: str) -> str:
    """The requirements file that uv makes for every platform; `known` versions are preferred."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, output = Path(folder, "wanted.txt"), Path(folder, "output.txt")
        wanted.write_text("\n".join(requirements))
        output.write_text(known)
        command = [uv(), "pip", "compile", "--quiet", "--universal", "--python-version=3.11"]
        command += ["--no-header", "--no-annotate", *options]
        command += [f"--output-file={output}", str(wanted)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            sys.exit(f"error: uv cannot resolve the packages\n\n{result.stderr.strip()}")
        return output.read_text()


def uv() -> str:
    """The uv to use: of the PATH, else of `.uv/bin`."""
    return shutil.which("uv") or str(ROOT / ".uv/bin/uv")


def blocks(requirements: str) -> dict[str, str]:
    """A requirements file taken apart: first line without its continuation → whole text."""
    parts = re.split(r"^(?=\S)", requirements, flags=re.MULTILINE)
    return {part.splitlines()[0].removesuffix("\\").strip(): part for part in parts if part.strip()}


def name(line: str) -> str:
    """The package that a requirement of a lock names."""
    return line.partition("==")[0]


def pin(line: str) -> str:
    """`name==version` of a requirement."""
    return line.partition(";")[0].strip()


def guarded(needed_by: dict[str, set[Combination]], hashes: dict[str, str]) -> Iterator[str]:
    """The lines of a lock: each requirement, in a condition unless every combination needs it."""
    for line in sorted(needed_by, key=lambda line: (name(line), line)):
        requirement = " \\\n".join([line, *_hashes(hashes[pin(line)])]) + "\n"
        condition = condition_of(line, needed_by[line])
        yield f"{{% if {condition} %}}\n{requirement}{{% endif %}}\n" if condition else requirement


def _hashes(block: str) -> list[str]:
    return [text.removesuffix(" \\") for text in block.splitlines()[1:]]


def condition_of(line: str, users: set[Combination]) -> str:
    """The Jinja condition that is true in exactly the combinations `users`; "" for all of them.

    Fails when no `or` of layers says it, which means that two choices disagree on a package.
    """
    everyone = set(combinations())
    if all(combination.dev for combination in users):
        everyone = {combination for combination in everyone if combination.dev}
        layers = any_layer(line, users, everyone)
        if users == everyone:
            return "dev"
        return f"dev and ({layers})" if " or " in layers else f"dev and {layers}"
    return "" if users == everyone else any_layer(line, users, everyone)


def any_layer(line: str, users: set[Combination], everyone: set[Combination]) -> str:
    """The `or` of layers that is true in exactly the combinations `users` of `everyone`."""
    having = {
        flag: {combination for combination in everyone if flag in combination.flags}
        for flag in frozenset[str]().union(*(combination.flags for combination in everyone))
    }
    sufficient = [flag for flag in sorted(having) if having[flag] <= users]
    if set().union(*(having[flag] for flag in sufficient)) != users:
        sys.exit(f"error: no choice of layers explains who needs {line}")
    flags = [
        flag
        for number, flag in enumerate(sufficient)
        if not any(having[flag] < having[other] for other in sufficient)
        # Of layers with the same users, the last is the one that several choices share.
        and having[flag] not in [having[other] for other in sufficient[number + 1 :]]
    ]
    return " or ".join(flag if flag == "dev" else f"use.{flag}" for flag in flags)


def reserve(path: Path, reserved: Iterable[str]) -> None:
    """Write the names no service can have into `stack.yml`: a package cannot depend on itself."""
    names = ", ".join(sorted(reserved))
    lines = textwrap.indent(textwrap.fill(names, width=92, break_on_hyphens=False), " " * 6)
    field = f"reserved_names: [\n{lines}\n    ]"
    path.write_text(re.sub(r"reserved_names: \[.*?\]", field, path.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    main()
