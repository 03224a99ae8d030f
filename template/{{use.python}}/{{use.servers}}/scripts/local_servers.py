"""What the scripts share that start a server for development."""

import shutil
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from typing import NoReturn


def run_command(server: AbstractContextManager[None]) -> NoReturn:
    """Run the command in the arguments of this script while the server runs. Exit with the code of the command."""
    with server:
        command = subprocess.Popen(sys.argv[1:])
        # Ctrl-C reaches the command, too. The server must stop after it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: command.terminate())
        code = command.wait()
    sys.exit(code if code >= 0 else 128 - code)  # like a shell: 128 plus the number of the signal


def container_starts(service: str) -> bool:
    """Start a service of compose.yaml. False without Docker, or if it fails."""
    if not shutil.which("docker"):
        return False
    command = ["docker", "compose", "up", "--quiet-pull", "--detach", "--wait", service]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def fail(problem: str, hint: str) -> NoReturn:
    """End this script with an error message."""
    sys.exit(f"error: {problem}\n\nhint: {hint}")
