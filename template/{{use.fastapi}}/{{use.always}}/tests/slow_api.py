"""The API with one route that takes its time: `python -m tests.slow_api`."""

import asyncio
import runpy

from fastapi import FastAPI

from app import main
from app.config import Settings

create_app = main.create_app


def create_slow_app(settings: Settings | None = None) -> FastAPI:
    service = create_app(settings)
    service.add_api_route("/slow/{seconds}", sleep)
    return service


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    main.create_app = create_slow_app
    runpy.run_module("app", run_name="__main__")
