"""The routes of authentication: there are none."""

from fastapi import APIRouter

routers: tuple[APIRouter, ...] = ()
