"""Write the OpenAPI document of every stack in parts: `python scripts/openapi.py`.

`_stack/openapi/common.json` is the document of a service without authentication. For each auth
choice, `auth_NAME.json` holds what it adds, and `auth_NAME_webhooks_NAME.json` what webhooks add to
that. `_axes/openapi.jinja` assembles them, and `make check` of every generated service compares the
result with the code. Run this after a change of the API; it generates and installs a service for
each choice.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STACKS = {"fastapi": ("jwt", "none")}

# Stand-ins that JSON leaves as they are and nothing else contains.
NAME = "the-name-of-the-service"
DESCRIPTION = "The description of the service"


def main() -> None:
    """Write the parts of all stacks."""
    for framework, auths in STACKS.items():
        folder = ROOT / "template" / f"{{{{use.{framework}}}}}" / "_stack/openapi"
        common = document(framework, "none")
        write(folder / "common.json", common)
        for auth in auths:
            without = document(framework, auth)
            write(folder / f"auth_{auth}.json", added(common, without))
            signed = added(without, document(framework, auth, webhooks="signed"))
            write(folder / f"auth_{auth}_webhooks_signed.json", signed)


def document(framework: str, auth: str, webhooks: str = "none") -> dict[str, Any]:
    """The OpenAPI document that a generated service prints."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, NAME)
        new = [sys.executable, "-m", "scaffold", "new", str(project), "--defaults", "--no-git"]
        new += [f"--description={DESCRIPTION}", f"--framework={framework}", f"--auth={auth}"]
        new += [f"--webhooks={webhooks}"]
        subprocess.run(new, check=True, cwd=ROOT / "src", stderr=subprocess.DEVNULL)
        subprocess.run(["make", "--silent", "setup", "openapi"], cwd=project, check=True)
        found: dict[str, Any] = json.loads((project / "docs/openapi.json").read_text())
        return found


def added(common: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be added to `common` to get `whole`; exit 1 if something has to be removed."""
    if missing := common.keys() - whole.keys():
        sys.exit(f"error: the document with fewer choices alone has {sorted(missing)}")
    return {
        name: added(common[name], value)
        if isinstance(value, dict) and isinstance(common.get(name), dict)
        else value
        for name, value in whole.items()
        if value != common.get(name)
    }


def write(path: Path, part: Mapping[str, Any]) -> None:
    """Write a part as a template: with the answers in place of the stand-ins."""
    text = json.dumps(part, indent=2, sort_keys=True, ensure_ascii=False)
    if "{{" in text or "{%" in text or "{#" in text:
        sys.exit("error: the document reads like a template")
    title, description = json.dumps(NAME), json.dumps(f"{DESCRIPTION}.")
    text = text.replace(title, '"{{ name }}"').replace(
        description, "{{ (description ~ '.') | to_json(ensure_ascii=false) }}"
    )
    path.write_text(f"{text}\n")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
