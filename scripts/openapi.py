"""Write the OpenAPI document of every stack into its layers: `python scripts/openapi.py`.

Only the auth choice changes the API, so each `auth_*` layer owns one `docs/openapi.json.jinja`.
`make check` of every generated service compares it with the code. Run this after a change of the
API, with the project's own Python; it generates and installs a service for each document.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
STACKS = {"fastapi": ("jwt", "none")}

# Stand-ins that JSON leaves as they are and nothing else contains.
NAME = "the-name-of-the-service"
DESCRIPTION = "The description of the service"


def main() -> None:
    """Write the documents of all stacks."""
    for framework, auths in STACKS.items():
        for auth in auths:
            layer = ROOT / "template" / f"{{{{use.{framework}}}}}" / f"{{{{use.auth_{auth}}}}}"
            path = layer / "docs/openapi.json.jinja"
            path.parent.mkdir(exist_ok=True)
            path.write_text(template(document(framework, auth)))
            print(path.relative_to(ROOT))


def document(framework: str, auth: str) -> str:
    """The OpenAPI document that a generated service prints."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, NAME)
        new = [sys.executable, "-m", "scaffold", "new", str(project), "--defaults", "--no-git"]
        new += [f"--description={DESCRIPTION}", f"--framework={framework}", f"--auth={auth}"]
        subprocess.run(new, check=True, cwd=ROOT / "src", stderr=subprocess.DEVNULL)
        subprocess.run(["make", "--silent", "setup", "openapi"], cwd=project, check=True)
        return (project / "docs/openapi.json").read_text()


def template(text: str) -> str:
    """A document as a template: with the answers in place of the stand-ins."""
    if "{{" in text or "{%" in text or "{#" in text:
        sys.exit("error: the document reads like a template")
    title = json.dumps(NAME)
    description = json.dumps(f"{DESCRIPTION}.")
    return text.replace(title, '"{{ name }}"').replace(
        description, "{{ (description ~ '.') | to_json(ensure_ascii=false) }}"
    )


if __name__ == "__main__":
    main()
