"""The service in separate processes. `python -m tests.processes` is the API with an additional slow route."""

import asyncio
import os
import runpy
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from httpx2 import AsyncClient, HTTPError

from app import main
from app.config import Settings

ROOT = Path(__file__).parents[1]


@asynccontextmanager
async def running(module: str, folder: Path, **environment: object) -> AsyncIterator[Process]:
    """A process in another folder, so that it does not read the .env file of a developer."""
    variables = {"APP_ENV": "test", "PYTHONPATH": ROOT, **environment}
    text = os.environ | {name: str(value) for name, value in variables.items()}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, cwd=folder, env=text, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def is_ready(client: AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except HTTPError:
        return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _create_slow_app(settings: Settings | None = None) -> FastAPI:
    service = create_app(settings)
    service.add_api_route("/slow/{seconds}", _sleep)
    return service


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    create_app = main.create_app
    main.create_app = _create_slow_app
    runpy.run_module("app", run_name="__main__")
