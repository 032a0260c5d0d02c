"""What a visitor may switch: how slow Intercom is, what it refuses, and how often it fails."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from intercom_emulator.core import Intercom, Sight
from intercom_emulator.faults import Fault
from intercom_emulator.page.html import Child, Html, element, text
from intercom_emulator.page.paths import address

_MOST = 1_000_000_000
_PERCENT = 100
_FAULTS = {"share_429": ("status", 429), "share_502": ("html", 502)}
_NAMES_FULL = "names_full"


@dataclass(frozen=True, slots=True)
class Field:
    """A number that may be set: the form's name for it, its words, its range."""

    name: str
    label: str
    unit: str
    most: int
    step: str = "any"


FIELDS = (
    Field("latency", "Slow: each call takes", "seconds", _MOST),
    Field("search_lag", "Search lag: the search finds changes after", "seconds", _MOST),
    Field("limit", "Quota: calls allowed in a window", "calls", _MOST, step="1"),
    Field("share_429", "429: calls refused as over the quota", "%", _PERCENT),
    Field("share_502", "502: calls answered with an HTML page", "%", _PERCENT),
)


def draw_switches(sight: Sight) -> Html:
    """Return the form, as everything is set now."""
    now = _numbers(sight)
    controls: list[Child] = []
    for each in FIELDS:
        entry = element(
            "input", id=each.name, name=each.name, type="number", min="0", max=str(each.most), step=each.step,
            value=f"{now[each.name]:.10g}" if each.step == "any" else f"{now[each.name]:.0f}", required=True,
        )  # fmt: skip
        controls.append(element("p", element("label", each.label, for_=each.name), entry, " ", each.unit))
    settings = sight.settings
    full = element("input", id=_NAMES_FULL, name=_NAMES_FULL, type="checkbox", value="yes", checked=_is_full(sight))
    words = f"All {settings.event_name_limit:,} event names are in use: new ones are refused"
    controls.append(element("p", full, element("label", words, for_=_NAMES_FULL)))
    plan = [each for each in sight.faults if _share_of(each) is None]
    others = (
        element("p", f"Other faults in force: {len(plan):,}. Programs set them with /_emulator/faults.", class_="quiet")
        if plan
        else None
    )
    return element(
        "form",
        *controls,
        element("button", "Apply"),
        others,
        method="post",
        action=address("switches"),
        class_="switches",
    )


def draw_reset() -> Html:
    """Return the form that empties the workspace."""
    words = "This deletes everything in the workspace, and restores the settings and faults of the start."
    form = element("form", element("button", "Empty the workspace"), method="post", action=address("reset"))
    return element("details", element("summary", "Reset …"), element("p", words), form, id="reset-form")


def _numbers(sight: Sight) -> dict[str, float]:
    settings = sight.settings
    shares = {_share_of(each): (each.share or 0) * _PERCENT for each in sight.faults}
    plain = {"latency": settings.latency, "search_lag": settings.search_lag, "limit": settings.limit}
    return {**plain, **{name: shares.get(name, 0.0) for name in _FAULTS}}


def _share_of(fault: Fault) -> str | None:
    """Return which field of the form a fault is of; None for one of a plan."""
    for name, (kind, status) in _FAULTS.items():
        if fault == Fault("*", kind, status=status, share=fault.share) and fault.share is not None:
            return name
    return None


def apply_switches(intercom: Intercom, form: Mapping[str, str]) -> None:
    """Set what a form says; raise ValueError, and set nothing, where a number is none or out of range."""
    numbers = {each.name: _read(each, form) for each in FIELDS}
    faults = [
        Fault("*", kind, status=status, share=numbers[name] / _PERCENT)
        for name, (kind, status) in _FAULTS.items()
        if numbers[name]
    ]
    old, others = intercom.look(lambda sight: (list(filter(_share_of, sight.faults)), _others(sight, form)))
    intercom.change_settings(
        {
            "latency": numbers["latency"],
            "search_lag": numbers["search_lag"],
            "limit": int(numbers["limit"]),
            "other_event_names": others,
        }
    )
    intercom.swap_faults([each for each in old if each not in faults], [each for each in faults if each not in old])


def _is_full(sight: Sight) -> bool:
    return sight.settings.other_event_names >= sight.settings.event_name_limit


def _others(sight: Sight, form: Mapping[str, str]) -> int:
    """Return how many event names other apps are to have: as many as there may be, or fewer."""
    if _NAMES_FULL in form:
        return max(sight.settings.other_event_names, sight.settings.event_name_limit)
    first = sight.first_settings.other_event_names
    if not _is_full(sight):
        return sight.settings.other_event_names
    return first if first < sight.settings.event_name_limit else 0


def _read(field: Field, form: Mapping[str, str]) -> float:
    words = f"{field.label}: give a number from 0 to {field.most:,}."
    try:
        number = float(form.get(field.name, ""))
    except ValueError:
        raise ValueError(words) from None
    whole = field.step == "any" or number == math.floor(number) if math.isfinite(number) else False
    if not whole or not 0 <= number <= field.most:
        raise ValueError(words)
    return number


def draw_problem(problem: str) -> Html:
    """Return what is wrong with a form."""
    return element("p", text(problem), role="alert", class_="bad")
