"""Counts in fixed windows of time."""

import time


class Counters:
    """Counters of this process."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}

    def increment(self, key: str, seconds: int) -> int:
        """Add 1 to the count of `key` in the current window of `seconds`. Returns the count."""
        window, _ = current_window(seconds)
        if seconds not in self._windows or self._windows[seconds][0] != window:
            # A new window drops all counts of the last one, so memory holds the keys of one window only.
            self._windows[seconds] = (window, {})
        _, counts = self._windows[seconds]
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def current_window(seconds: int) -> tuple[int, int]:
    """The number of the current window of `seconds`, and the whole seconds until it ends."""
    now = time.time()
    window = int(now // seconds)
    return window, int((window + 1) * seconds - now) + 1
