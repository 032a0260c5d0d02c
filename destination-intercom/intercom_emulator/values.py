"""Which values the standard fields of a contact or a company take, by their type; null is always one of them."""

from intercom_emulator.answers import invalid
from intercom_emulator.attributes import LONGEST_TEXT

_MOST = 2**63


def check_text(name: str, value: object) -> None:
    """Refuse what is no text, or a text that is too long."""
    if value is not None and not isinstance(value, str):
        raise invalid(f"{name} must be a string", field=name)
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise invalid(f"{name} is too long (maximum is {LONGEST_TEXT} characters)", field=name)


def check_boolean(name: str, value: object) -> None:
    """Refuse what is no boolean."""
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be a boolean", field=name)


def check_time(name: str, value: object) -> None:
    """Refuse what is no unix second."""
    if value is not None and not _is_whole(value):
        raise invalid(f"{name} must be a unix timestamp in seconds", field=name)


def check_integer(name: str, value: object) -> None:
    """Refuse what is no whole number."""
    if value is not None and not _is_whole(value):
        raise invalid(f"{name} must be an integer", field=name)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST
