"""Wrong input to `scaffold new` and others: the exit code is 2, and these words are said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def nothing(_folder: Path) -> None:
    """The current folder stays as it is: empty."""


@dataclass(frozen=True)
class BadInput:
    """`arrange` prepares the current folder; `error` and `hint` have these words in them."""

    title: str
    arguments: tuple[str, ...]
    error: str
    hint: str
    arrange: Callable[[Path], None] = nothing


def name(
    title: str, path: str, better: str, reason: str = "2 to 40 lower-case letters"
) -> BadInput:
    """A name that a service cannot have, and the name that is suggested."""
    return BadInput(title, ("new", path, "--defaults"), reason, f"'{better}'")


def file(path: str, content: str | bytes) -> Callable[[Path], None]:
    """Arrange for a file in the current folder."""

    def write(folder: Path) -> None:
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def link(path: str) -> Callable[[Path], None]:
    """Arrange for a symbolic link that leads nowhere."""
    return lambda folder: (folder / path).symlink_to("nowhere")


CASES = [
    BadInput(
        "the folder is not empty", ("new", "shop", "--defaults"),
        "shop is not empty", "another name", file("shop/notes.txt", "mine"),
    ),
    BadInput(
        "a file in its place", ("new", "shop", "--defaults"),
        "a file", "another name", file("shop", "mine"),
    ),
    BadInput(
        "a link in its place", ("new", "shop", "--defaults"),
        "a link", "another name", link("shop"),
    ),
    BadInput(
        "a file among its parents", ("new", "notes.txt/shop", "--defaults"),
        "notes.txt/shop: not a directory", "write to", file("notes.txt", "mine"),
    ),
    name("an empty name", "", "shop"),
    name("a name of one letter", "a", "a-service"),
    name("a name of 41 letters", "a" * 41, "a" * 40),
    name("a name with spaces", "my shop", "my-shop"),
    name("a name with capitals", "Shop", "shop"),
    name("a name with dots", "shop.api", "shop-api"),
    name("a name with an underscore", "shop_api", "shop-api"),
    name("a name with an emoji", "shop🛒", "shop"),
    name("a name that begins with a digit", "7shop", "shop"),
    name("a name with two hyphens in a row", "my--shop", "my-shop"),
    name("a name with a line break", "shop\n", "shop"),
    BadInput(
        "a name that is no UTF-8", ("new", os.fsdecode(b"sh\xffp"), "--defaults"),
        r"'sh\udcffp' is not UTF-8", "type it again",
    ),
    BadInput(
        "a name with a slash", ("new", "shop", "--set", "name=my/shop"),
        "'my/shop'", "the last part of PATH",
    ),
    BadInput(
        "a name that climbs out", ("new", "shop", "--set", "name=../x"),
        "'../x'", "the last part of PATH",
    ),
    name("a device of Windows", "con", "con-service", "a device on Windows"),
    name("a dependency of the service", "sqlalchemy", "sqlalchemy-service", "a package"),
    BadInput("an unknown command", ("nwe", "shop"), "command nwe", "did you mean 'new'?"),
    BadInput("a command that is not similar", ("shop",), "command shop", "the commands are new"),
    BadInput(
        "an unknown flag", ("new", "shop", "--databse", "sqlite"),
        "option --databse", "did you mean '--database'? The options of `scaffold new` are",
    ),
    BadInput(
        "a flag for the name", ("new", "shop", "--name", "Bad"),
        "option --name", "the last part of PATH is the name",
    ),
    BadInput(
        "a flag without its value", ("new", "shop", "--database"), "--database", "--help",
    ),
    BadInput("too many words", ("new", "shop", "now"), "now", "`scaffold new --help`"),
    BadInput(
        "an unknown colour", ("new", "shop", "--color", "blue"),
        "'blue'", "auto, always or never",
    ),
    BadInput("a colour that is missing", ("new", "shop", "--color"), "--color", "auto, always"),
    BadInput(
        "an unknown value", ("new", "shop", "--database", "postgres"),
        "no choice 'postgres'",
        "did you mean 'postgresql'? It can be sqlite, postgresql, mysql or mongodb",
    ),
    BadInput(
        "a value that is not similar", ("new", "shop", "--database", "oracle"),
        "no choice 'oracle'", "it can be sqlite, postgresql, mysql or mongodb",
    ),
    BadInput(
        "an unknown answer", ("new", "shop", "--set", "databse=sqlite"),
        "question 'databse'", "did you mean 'database'? The questions are framework",
    ),
    BadInput(
        "a hidden fact as an answer", ("new", "shop", "--set", "use=x"),
        "question 'use'", "the questions are framework",
    ),
    BadInput(
        "an unknown preset", ("new", "shop", "--preset", "prod"),
        "preset 'prod'", "did you mean 'production'? The presets are starter",
    ),
    BadInput(
        "--set without a value", ("new", "shop", "--set", "database"),
        "'database'", "`database=postgresql`",
    ),
    BadInput(
        "a description of two lines", ("new", "shop", "--description", "one\ntwo"),
        "must be one line of 1 to 100 characters", "another description",
    ),
    BadInput(
        "a description with a quote", ("new", "shop", "--description", 'Sells "tea"'),
        "without double quotes", "another description",
    ),
    BadInput(
        "an answers file that is missing", ("new", "shop", "--answers", "answers.yml"),
        "answers.yml: no such file or directory", "a YAML file",
    ),
    BadInput(
        "an answers file that is a folder", ("new", "shop", "--answers", "."),
        "is a directory", "a YAML file",
    ),
    BadInput(
        "an answers file that is not YAML", ("new", "shop", "--answers", "answers.yml"),
        "not YAML: line 2, column 1", "a YAML file", file("answers.yml", "database: [sqlite"),
    ),
    BadInput(
        "an answers file that is not text", ("new", "shop", "--answers", "answers.yml"),
        "not YAML", "a YAML file", file("answers.yml", b"\x00\xff\xfe"),
    ),
    BadInput(
        "an answers file that is a list", ("new", "shop", "--answers", "answers.yml"),
        "not a mapping", "a YAML file", file("answers.yml", "- sqlite\n"),
    ),
    BadInput(
        "an answers file with an unknown value", ("new", "shop", "--answers", "answers.yml"),
        "ci has no choice false", "github or none", file("answers.yml", "ci: no\n"),
    ),
    BadInput("no terminal, and no answers", ("new", "shop"), "no terminal", "`--defaults`"),
    BadInput(
        "no terminal, and no PATH", ("new", "--defaults"),
        "PATH is missing", "`scaffold new shop --defaults`",
    ),
    BadInput(
        "a template that is not there", ("new", "shop", "--defaults", "--template", "nowhere"),
        "no template at nowhere", "SCAFFOLD_TEMPLATE",
    ),
    BadInput(
        "a folder that is not a template", ("new", "shop", "--defaults", "--template", "."),
        "no template in", "copier.yml",
    ),
    BadInput(
        "doctor for a folder that is not a project", ("doctor", "shop"),
        "shop is not a project", "`scaffold new`",
    ),
    BadInput(
        "doctor for an answers file that is not YAML", ("doctor",),
        "not YAML: line 2, column 1", "git checkout HEAD",
        file(".copier-answers.yml", "name: [shop\n"),
    ),
    BadInput(
        "doctor for a project of another template", ("doctor",),
        "do not fit the template of this scaffold", "update the project",
        file(".copier-answers.yml", "name: shop\ncolour: red\n"),
    ),
    BadInput(
        "two folders at once", ("doctor", "shop", "--project", "store"),
        "PATH is shop, and --project is store", "one of them",
    ),
    BadInput(
        "a password on the command line", ("verify", "http://localhost", "--password", "secret"),
        "option --password", "VERIFY_PASSWORD",
    ),
    BadInput(
        "no password", ("verify", "http://localhost", "--email", "ada@example.com"),
        "the password of ada@example.com is missing", "VERIFY_PASSWORD",
    ),
]  # fmt: skip
