"""How the Memcached that is installed on this machine is started."""

TITLE = "Memcached"
PROGRAM = "memcached"


def arguments(port: int) -> list[str]:
    """A server for this machine. It refuses to run as root, so it changes to another user."""
    return ["--port", str(port), "--listen", "127.0.0.1", "--udp-port", "0", "--user", "nobody"]
