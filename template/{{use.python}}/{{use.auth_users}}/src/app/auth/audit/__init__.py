"""The audit log: who changed what, when, and from where."""

from app.auth.audit.repository import erase, record

__all__ = ["erase", "record"]
