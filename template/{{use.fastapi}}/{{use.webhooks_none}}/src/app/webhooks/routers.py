"""The routes of webhooks: none."""

from fastapi import APIRouter

routers: tuple[APIRouter, ...] = ()
