"""What people get wrong, and what they read then. docs/errors.md shows this table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

NAME_RULE = "must be 2 to 40 lower-case letters, digits and single hyphens, and begin with a letter"


def nothing(_folder: Path) -> None:
    """The current folder stays as it is: empty."""


@dataclass(frozen=True)
class BadInput:
    """`arrange` prepares the current folder, which the texts call `.`; exit code 2."""

    title: str
    arguments: tuple[str, ...]
    error: str
    hint: str
    arrange: Callable[[Path], None] = nothing


def name(
    title: str, path: str, better: str, shown: str | None = None, rule: str = NAME_RULE
) -> BadInput:
    """A name that a service cannot have."""
    return BadInput(
        title,
        ("new", path, "--defaults"),
        f"the name {shown or repr(path)} {rule}",
        f"call it '{better}', for example",
    )


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
        "./shop is not empty", "choose another name, or empty it first",
        file("shop/notes.txt", "mine"),
    ),
    BadInput(
        "a file in its place", ("new", "shop", "--defaults"),
        "./shop is in the way: it is a file", "choose another name", file("shop", "mine"),
    ),
    BadInput(
        "a link in its place", ("new", "shop", "--defaults"),
        "./shop is in the way: it is a link", "choose another name", link("shop"),
    ),
    BadInput(
        "a file among its parents", ("new", "notes.txt/shop", "--defaults"),
        "cannot write ./notes.txt/shop: not a directory",
        "choose a folder that you may write to and that has room; nothing was left behind",
        file("notes.txt", "mine"),
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
        r"the name 'sh\udcffp' is not UTF-8", "type it again",
    ),
    BadInput(
        "a name with a slash", ("new", "shop", "--set", "name=my/shop"),
        "PATH says that the name is 'shop', --set says 'my/shop'",
        "leave out `--set name=…`: the last part of PATH is the name",
    ),
    BadInput(
        "a name that climbs out", ("new", "shop", "--set", "name=../x"),
        "PATH says that the name is 'shop', --set says '../x'",
        "leave out `--set name=…`: the last part of PATH is the name",
    ),
    name("a device of Windows", "con", "con-service", rule="is the name of a device on Windows"),
    name(
        "a dependency of the service", "sqlalchemy", "sqlalchemy-service",
        rule="is the name of a package that the service itself needs",
    ),
    BadInput(
        "an unknown command", ("nwe", "shop"),
        "there is no command nwe",
        "did you mean 'new'? The commands are new, update, change, diff, choices, doctor "
        "and verify",
    ),
    BadInput(
        "an unknown flag", ("new", "shop", "--databse", "sqlite"),
        "there is no option --databse",
        "did you mean '--database'? The options of `scaffold new` are --preset, --answers, --set, "
        "--defaults, --dry-run, --json, --plain, --no-git, --template, --framework, --description, "
        "--database, --auth, --queue, --cache and --ci",
    ),
    BadInput(
        "a flag for the name", ("new", "shop", "--name", "other"),
        "there is no option --name", "the last part of PATH is the name",
    ),
    BadInput(
        "a flag without its value", ("new", "shop", "--database"),
        "option '--database' requires an argument", "`--help` shows the usage",
    ),
    BadInput(
        "too many words", ("new", "shop", "now"),
        "got unexpected extra arguments (now)", "`scaffold new --help` shows the usage",
    ),
    BadInput(
        "an unknown value", ("new", "shop", "--database", "postgres"),
        "database has no choice 'postgres'",
        "did you mean 'postgresql'? It can be sqlite or postgresql",
    ),
    BadInput(
        "an unknown answer", ("new", "shop", "--set", "databse=sqlite"),
        "there is no question 'databse'",
        "did you mean 'database'? The questions are framework, name, description, database, auth, "
        "queue, cache and ci",
    ),
    BadInput(
        "a hidden fact as an answer", ("new", "shop", "--set", "use=x"),
        "there is no question 'use'",
        "did you mean 'queue'? The questions are framework, name, description, database, auth, "
        "queue, cache and ci",
    ),
    BadInput(
        "an unknown preset", ("new", "shop", "--preset", "prod"),
        "there is no preset 'prod'",
        "did you mean 'production'? The presets are starter, production and minimal",
    ),
    BadInput(
        "--set without a value", ("new", "shop", "--set", "database"),
        "'database' is not of the form name=value", "for example `database=postgresql`",
    ),
    BadInput(
        "a description of two lines", ("new", "shop", "--description", "one\ntwo"),
        r"the description 'one\ntwo' must be one line of 1 to 100 characters without double "
        "quotes, backslashes and control characters",
        "choose another description",
    ),
    BadInput(
        "a description with a quote", ("new", "shop", "--description", 'Sells "tea"'),
        "the description 'Sells \"tea\"' must be one line of 1 to 100 characters without double "
        "quotes, backslashes and control characters",
        "choose another description",
    ),
    BadInput(
        "an answers file that is missing", ("new", "shop", "--answers", "answers.yml"),
        "cannot read the answers file answers.yml: no such file or directory",
        "--answers takes a YAML file with lines like `database: postgresql`",
    ),
    BadInput(
        "an answers file that is a folder", ("new", "shop", "--answers", "."),
        "cannot read the answers file .: is a directory",
        "--answers takes a YAML file with lines like `database: postgresql`",
    ),
    BadInput(
        "an answers file that is not YAML", ("new", "shop", "--answers", "answers.yml"),
        "the answers file answers.yml is not YAML: line 2, column 1",
        "--answers takes a YAML file with lines like `database: postgresql`",
        file("answers.yml", "database: [sqlite"),
    ),
    BadInput(
        "an answers file that is not text", ("new", "shop", "--answers", "answers.yml"),
        "the answers file answers.yml is not YAML: it is not text",
        "--answers takes a YAML file with lines like `database: postgresql`",
        file("answers.yml", b"\x00\xff\xfe"),
    ),
    BadInput(
        "an answers file that is a list", ("new", "shop", "--answers", "answers.yml"),
        "the answers file answers.yml is not a mapping",
        "--answers takes a YAML file with lines like `database: postgresql`",
        file("answers.yml", "- sqlite\n"),
    ),
    BadInput(
        "an answers file with an unknown value", ("new", "shop", "--answers", "answers.yml"),
        "ci has no choice false", "it can be github or none", file("answers.yml", "ci: no\n"),
    ),
    BadInput(
        "no terminal, and nothing said", ("new", "shop"),
        "there is no terminal to ask questions on",
        "add `--defaults`, or answers such as `--database postgresql`; `scaffold new --help` lists "
        "them",
    ),
    BadInput(
        "no terminal, and no PATH", ("new", "--defaults"),
        "PATH is missing", "for example `scaffold new shop --defaults`",
    ),
    BadInput(
        "a template that is not there", ("new", "shop", "--defaults", "--template", "nowhere"),
        "there is no template at nowhere",
        "--template and SCAFFOLD_TEMPLATE take a folder or the address of a git repository",
    ),
    BadInput(
        "a template that is none", ("new", "shop", "--defaults", "--template", "."),
        "there is no template in .", "a template is a folder with a file copier.yml",
    ),
    BadInput(
        "a doctor for no project", ("doctor", "shop"),
        "shop is no project: it has no file .copier-answers.yml",
        "name the folder that `scaffold new` made, or leave PATH out",
    ),
    BadInput(
        "a doctor for answers that are none", ("doctor",),
        "the answers file ./.copier-answers.yml is not YAML: line 2, column 1",
        "`git checkout HEAD -- .copier-answers.yml` gives back the committed one",
        file(".copier-answers.yml", "name: [shop\n"),
    ),
    BadInput(
        "a doctor for another template's project", ("doctor",),
        "the answers of . are not those of this scaffold's template: there is no question 'colour'",
        "use the scaffold that made the project, or update the project first",
        file(".copier-answers.yml", "name: shop\ncolour: red\n"),
    ),
]  # fmt: skip


def page() -> str:
    """docs/errors.md."""
    from tests.tool import bad_updates  # imported late: its cases run the tool

    lines = [
        "# Errors",
        "",
        "Whatever is wrong, `scaffold` prints one `error:` line and a `hint:` on stderr, ends with",
        "exit code 2 (130 after Ctrl-C) and leaves nothing behind: no folder, no file, no half",
        "repository. A test runs each of these lines.",
        "",
        "## Making a project",
        "",
        "In an empty folder, called `.` here.",
        "",
        *_console((case.title, case.arguments, case.error, case.hint) for case in CASES),
        "## In a project",
        "",
        "In a project at the release v1.0.0 of a template that has v2.0.0.",
        "",
        *_console((c.title, c.arguments, c.error, c.hint) for c in bad_updates.CASES),
    ]
    return "\n".join(lines)


def _console(cases: Iterable[tuple[str, Sequence[str], str, str]]) -> list[str]:
    lines = []
    for title, arguments, error, hint in cases:
        command = " ".join(_quoted(argument) for argument in ("scaffold", *arguments))
        lines += [f"# {title}", f"$ {command}", f"error: {error}", "", f"hint: {hint}", ""]
    return ["```console", *lines[:-1], "```", ""]


def _quoted(argument: str) -> str:
    """As one would type it in bash."""
    if argument and argument.isprintable() and " " not in argument:
        return argument
    escaped = os.fsencode(argument).decode("latin-1").encode("unicode_escape").decode()
    return f"$'{escaped}'"
