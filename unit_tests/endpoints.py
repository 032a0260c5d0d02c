"""All calls that the connector knows."""

from destination_intercom.intercom import calls
from destination_intercom.intercom.calls import Call

CALLS: tuple[type[Call], ...] = tuple(
    each
    for each in vars(calls).values()
    if isinstance(each, type) and issubclass(each, Call) and hasattr(each, "endpoint")
)
