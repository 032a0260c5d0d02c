"""The quota: fixed windows, shared with the workspace's other apps. Every number comes from the settings."""

import math
from dataclasses import dataclass

from intercom_emulator.settings import Settings


@dataclass(frozen=True, slots=True)
class Grant:
    """What became of one call: whether it was granted, and the headers that say what is left."""

    granted: bool
    headers: dict[str, str]


class Quota:
    """Counts the calls of the current window. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._window: float = -math.inf
        self._spent = 0
        self.refused = 0

    def spend(self, settings: Settings, now: float, cost: int = 1) -> Grant:
        """Take a call from the window of `now` (Intercom's clock, unix seconds), if one is left.

        Where it costs more than is left, it is granted and nothing is left [?].
        """
        index = math.floor((now - settings.window_phase) / settings.window_seconds)
        begin = settings.window_phase + index * settings.window_seconds
        if begin != self._window:
            self._window, self._spent = begin, 0
        elapsed = min(1.0, (now - begin) / settings.window_seconds)
        left = max(0, settings.limit - self._spent - math.floor(settings.other_apps_per_window * elapsed))
        granted = left > 0
        if granted:
            self._spent += cost
        else:
            self.refused += 1
        end = begin + settings.window_seconds
        shown = max(0, left - cost) if granted and settings.remaining_counts_this_call else left
        headers = _headers(settings, shown, end + settings.reset_offset)
        if not granted and settings.retry_after:
            headers["Retry-After"] = str(max(1, math.ceil(end - now)))
        return Grant(granted, headers)


def _headers(settings: Settings, remaining: int, reset: float) -> dict[str, str]:
    """Return the three headers, their values as Intercom writes them: whole numbers."""
    if settings.headers == "none":
        return {}
    return {
        "X-RateLimit-Limit": str(settings.limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(math.ceil(reset)),
    }
