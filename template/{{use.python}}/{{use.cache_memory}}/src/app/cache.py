"""Short-lived values, kept in this process."""

import time


class Cache:
    """Counters that expire. Replicas do not share them."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}

    async def increment(self, key: str, seconds: int) -> tuple[int, int]:
        """Add 1 to the count of `key` in the current window of `seconds`.

        Returns the count, and the whole seconds until the window ends.
        """
        now = time.time()
        window = int(now // seconds)
        if seconds not in self._windows or self._windows[seconds][0] != window:
            # A new window drops all counts of the last one, so memory holds the keys of one window only.
            self._windows[seconds] = (window, {})
        _, counts = self._windows[seconds]
        counts[key] = counts.get(key, 0) + 1
        return counts[key], int((window + 1) * seconds - now) + 1
