"""Short-lived values, kept in this process."""

import time


class Cache:
    """Counters that expire. Replicas do not share them."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}

    async def increment(self, key: str, seconds: int) -> tuple[int, int]:
        """The count so far in a fixed window of so many seconds, and the whole seconds until the window ends."""
        now = time.time()
        window = int(now // seconds)
        if self._windows.get(seconds, (None,))[0] != window:
            # The counts of the last window go all at once, so that memory is bounded by one window's keys.
            self._windows[seconds] = (window, {})
        counts = self._windows[seconds][1]
        counts[key] = counts.get(key, 0) + 1
        return counts[key], int((window + 1) * seconds - now) + 1
