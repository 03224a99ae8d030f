"""`scaffold verify`: the conformance suite against a running service."""


def verify(url: str) -> None:
    """X"""
