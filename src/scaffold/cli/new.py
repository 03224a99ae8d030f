"""`scaffold new`: from answers to a repository."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from scaffold.cli.preview import AsJson, Plain, complete_answer
from scaffold.git import commands as git
from scaffold.interview import completion
from scaffold.project import staging
from scaffold.project.create import Created, Listed, NewProject, complete
from scaffold.source import locate
from scaffold.template.answers import gather, preset_answers
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import Question, Template, load
from scaffold.terminal import console
from scaffold.terminal.errors import Problem, listed
from scaffold.terminal.file_tree import overview, tree

NEXT_COMMANDS = ("make dev", "make test")


def command() -> Callable[..., None]:
    """The command `new` with the presets in its help and one option for each question."""
    own = inspect.signature(new, eval_str=True)
    template = load(locate.shipped(), with_facts=False)
    parameters = [
        parameter.replace(annotation=_preset(template)) if name == "preset" else parameter
        for name, parameter in own.parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    parameters += [_option(question) for question in template.asked if question.name != "name"]

    def with_flags(**arguments: Any) -> None:
        new(**arguments)

    # Typer reads the signature and the annotations, never the code.
    vars(with_flags)["__signature__"] = own.replace(parameters=parameters)
    with_flags.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_flags


def new(
    path: Annotated[
        str | None,
        typer.Argument(
            help="The folder to create. Its last part is the name of the service.",
            metavar="PATH",
            autocompletion=complete_answer,  # bash: what follows `--set NAME=`; else file names
        ),
    ] = None,
    preset: str | None = None,
    answers: Annotated[
        Path | None, typer.Option(help="Read answers from a YAML file.", metavar="FILE")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Give one answer. Repeat it for more.",
            metavar="NAME=VALUE",
            autocompletion=complete_answer,
        ),
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing; other questions take their defaults.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the tree of files and write nothing.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
    no_git: Annotated[
        bool, typer.Option("--no-git", help="Do not create a git repository.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(
            help="Use another template: a folder or the address of a git repository.",
            metavar="ADDRESS",
            envvar="SCAFFOLD_TEMPLATE",
        ),
    ] = None,
    **flags: str | bool | None,
) -> None:
    """Create a service, or raise a `Problem` and leave nothing behind."""
    asking = not (defaults or as_json) and (plain or console.is_terminal())
    if not asking:
        spoken = [preset, answers, assignments, defaults, *(v is not None for v in flags.values())]
        _refuse_silence(path, said=any(spoken))
    if path:
        staging.check(_folder(path))
    if not (no_git or dry_run or git.is_installed()):
        raise Problem("git is missing", "install git, or add `--no-git`")

    with locate.opened(template) as source:
        jinja = Jinja(load(source.root))
        questionnaire = Questionnaire(jinja)
        given: Mapping[str, Any] = gather(
            jinja.template,
            preset=None if asking else preset,  # there it can be changed
            file=answers,
            assignments=_unambiguous(assignments or [], path),
            flags={**flags, "name": _name(path)},
        )
        if asking:
            from scaffold.interview import dialogue

            given, preset = dialogue.ask(
                questionnaire,
                given,
                preset=preset,
                asker=dialogue.asker(plain=plain),
                preview=lambda told, rows: overview(
                    _paths(complete(jinja, source, told).preview()), rows
                ),
                vet=lambda question, answer: _vet(question, answer, path),
            )
        project = complete(jinja, source, given)
        folder = _folder(path or project.name)
        if dry_run:
            _list(project, folder, as_json=as_json)
            return
        created = project.create(folder, with_git=not no_git)
        if source.needs_bundle and (caution := locate.keep_bundle()):
            console.warn(caution)

    _report(project, folder, created, as_json=as_json)
    if asking:
        _teach(questionnaire, project, path or project.name, preset, no_git=no_git)


def _preset(template: Template) -> Any:
    names = listed(list(template.presets), "or")
    return Annotated[
        str | None,
        typer.Option(
            help=f"Start from the answers of a preset: {names}.",
            metavar="NAME",
            autocompletion=lambda: completion.presets(template),
        ),
    ]


def _option(question: Question) -> inspect.Parameter:
    flag = question.name.replace("_", "-")
    is_bool = question.type == "bool"
    choices = [str(value) for value in question.choices.values()]
    default = "" if "{" in str(question.default) else f" [default: {question.default}]"
    option: Any = typer.Option(
        f"--{flag}/--no-{flag}" if is_bool else f"--{flag}",
        help=f"{question.help}{default}",
        metavar="" if is_bool else "|".join(choices) or "TEXT",
        rich_help_panel="Answers",
        show_default=False,
        autocompletion=(lambda: choices) if choices else None,
    )
    kind = Annotated[bool | None, option] if is_bool else Annotated[str | None, option]
    return inspect.Parameter(
        question.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind
    )


def _refuse_silence(path: str | None, *, said: bool) -> None:
    if not said:
        raise Problem(
            "there is no terminal to ask questions on",
            "add `--defaults`, or answers such as `--database postgresql`; "
            "`scaffold new --help` lists them",
        )
    if path is None:
        raise Problem("PATH is missing", "for example `scaffold new shop --defaults`")


def _paths(files: list[Listed]) -> list[PurePosixPath]:
    return [file.path for file in files]


def _unambiguous(assignments: Sequence[str], path: str | None) -> Sequence[str]:
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        if name == "name" and path is not None and value != _name(path):
            raise Problem(
                f"PATH gives the name {_name(path)!r}, and --set gives {value!r}",
                "leave out `--set name=…`: the last part of PATH is the name",
            )
    return assignments


def _vet(question: str, answer: Any, path: str | None) -> None:
    """Without PATH, the name is also that of the folder."""
    if question == "name" and path is None:
        staging.check(_folder(answer))


def _name(path: str | None) -> str | None:
    return _folder(path).name if path else path


def _folder(path: str) -> Path:
    """The absolute folder; links stay as they are typed, so that the last part is the name."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def _list(project: NewProject, folder: Path, *, as_json: bool) -> None:
    files = project.preview()
    if as_json:
        console.print_json({**_facts(project, folder, files), "dry_run": True})
        return
    print("\n".join(tree(_paths(files))))
    total = sum(file.size for file in files)
    counted = console.counted(len(files), "file")
    console.say(f"\n{counted}, {total:,} bytes. Nothing was written to {folder}.")


def _report(project: NewProject, folder: Path, created: Created, *, as_json: bool) -> None:
    if project.source.caution:
        console.warn(project.source.caution)
    following = [f"cd {shlex.quote(_short(folder))}", *NEXT_COMMANDS]
    if as_json:
        repository = str(created.repository) if created.repository else None
        facts = _facts(project, folder, created.files)
        console.print_json({**facts, "repository": repository, "next": following})
        return
    counted = console.counted(len(created.files), "file")
    console.say(f"Created {project.name}: {counted}{_committed(folder, created.repository)}.")
    console.say("\nNext:\n" + "\n".join(f"  {line}" for line in following))


def _short(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _committed(folder: Path, repository: Path | None) -> str:
    if repository is None:
        return ""
    if repository == folder:
        return ", committed to git on the branch main"
    return f", not yet committed to the repository {repository}"


def _facts(project: NewProject, folder: Path, files: list[Listed]) -> dict[str, Any]:
    return {
        "path": str(folder),
        "answers": dict(project.answers.recorded),
        "source": {**project.source.origin, "updatable": project.source.updatable},
        "files": [{"path": str(file.path), "bytes": file.size} for file in files],
    }


def _teach(
    questionnaire: Questionnaire,
    project: NewProject,
    path: str,
    preset: str | None,
    *,
    no_git: bool,
) -> None:
    """Print the command that creates the same project without questions."""
    template = questionnaire.template
    decided = questionnaire.decided(project.answers.recorded)
    usual = preset_answers(template, preset) if preset else {}
    leading = {question.name for question in template.leading}
    first, rest = list[str](), list[str]()
    for name, value in project.answers.recorded.items():
        is_usual = usual[name] == value if name in usual else name not in decided
        if not is_usual and name != "name":
            (first if name in leading else rest).extend(_flag(name, value))
    start = ["--preset", preset] if preset else ["--defaults"]
    words = ["scaffold", "new", path, *first, *start, *rest, *(["--no-git"] if no_git else [])]
    console.say(f"\nTo create the same project without questions:\n  {shlex.join(words)}")


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", str(value)]
