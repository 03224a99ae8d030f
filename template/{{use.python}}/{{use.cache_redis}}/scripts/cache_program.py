"""How the Redis that is installed on this machine is started."""

TITLE = "Redis"
PROGRAM = "redis-server"


def arguments(port: int) -> list[str]:
    """A server that keeps its values in memory only."""
    return ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
