"""The calls of the windows against the quota, over time: bars as SVG, and the same as a table."""

from collections import Counter
from collections.abc import Callable, Sequence

from intercom_emulator.page.html import Child, Html, details, element, join, link, moment, table, text
from intercom_emulator.page.paths import Place, address
from intercom_emulator.tally import Counted, Window

MOST_WINDOWS = 60
_FEWEST = 12  # places for windows, so that a single one is no wall
_WIDTH, _HEIGHT, _HEADROOM = 600, 100, 1.08
_SHOWN_ENDPOINTS = 5
_STATUSES = ("successful (2xx)", "refused by the quota (429)", "refused (other 4xx)", "failed (5xx)", "no answer")
_OTHERS = "other endpoints"
_EXTRA = "further items of bulk calls"


def draw_windows(windows: Sequence[Window], place: Place) -> Html:
    """Return the plot of the last windows, by status, or by endpoint if the address says so."""
    if not windows:
        return element("p", "No call yet.", class_="quiet")
    by_endpoint = place.query.get("by") == "endpoint"
    shown = [
        each for each in windows[-MOST_WINDOWS:] if each.begin > windows[-1].begin - MOST_WINDOWS * _length(windows[-1])
    ]
    groups = _endpoints(shown) if by_endpoint else list(_STATUSES)
    group_of = _by_endpoint(groups) if by_endpoint else _by_status
    groups += [_EXTRA] if any(each.extra for each in shown) else []
    stacks = [_stack(each, groups, group_of) for each in shown]
    used = [name for index, name in enumerate(groups) if any(stack[index] for stack in stacks)]
    colors = {name: f"c{index}" for index, name in enumerate(groups)}
    top = max([1, *map(sum, stacks), *(each.limit for each in shown)])
    choices = [
        element("span", "by status") if not by_endpoint else link(place.moved(by=None), "by status"),
        element("span", "by endpoint") if by_endpoint else link(place.moved(by="endpoint"), "by endpoint"),
    ]
    last = shown[-1]
    legend = [element("li", element("span", class_=f"key {colors[name]}"), name) for name in used]
    legend.append(
        element("li", element("span", class_="key limit"), f"quota: {last.limit:,} calls in {_length(last):g} s")
    )
    if any(each.others for each in shown):
        legend.append(element("li", element("span", class_="key others"), "used by other apps"))
    return join(
        element("p", "Calls of each window, ", choices[0], " · ", choices[1], class_="choice"),
        element(
            "figure",
            element("div", f"{top:,}", class_="scale"),
            _bars(shown, stacks, [colors[name] for name in groups], top),
            element("div", moment(shown[0].begin), moment(last.begin), class_="axis"),
            element("ul", legend, class_="legend"),
        ),
        _as_table(shown),
    )


def _length(window: Window) -> float:
    return window.end - window.begin


def _by_status(counted: Counted) -> str:
    status = counted[1]
    if status == "none":
        return _STATUSES[4]
    if status == "429":
        return _STATUSES[1]
    return {"4": _STATUSES[2], "5": _STATUSES[3]}.get(status[0], _STATUSES[0])


def _endpoints(windows: Sequence[Window]) -> list[str]:
    """Return the endpoints that are called most, and a name for all others."""
    counts: Counter[str] = Counter()
    for each in windows:
        for (endpoint, _, _), count in each.counts.items():
            counts[endpoint] += count
    return [name for name, _ in counts.most_common(_SHOWN_ENDPOINTS)] + [_OTHERS]


def _by_endpoint(groups: Sequence[str]) -> Callable[[Counted], str]:
    return lambda counted: counted[0] if counted[0] in groups else _OTHERS


def _stack(window: Window, groups: Sequence[str], group_of: Callable[[Counted], str]) -> list[int]:
    """Return how many calls of a window each group has."""
    counts: Counter[str] = Counter({_EXTRA: window.extra})
    for counted, count in window.counts.items():
        counts[group_of(counted)] += count
    return [counts[name] for name in groups]


def _bars(windows: Sequence[Window], stacks: Sequence[Sequence[int]], colors: Sequence[str], top: int) -> Html:
    last = windows[-1]
    places = max(_FEWEST, round((last.begin - windows[0].begin) / _length(last)) + 1)
    width, unit = _WIDTH / places, _HEIGHT / _HEADROOM / top
    drawn: list[Html] = []
    for window, stack in zip(windows, stacks, strict=True):
        left = _WIDTH - width * (round((last.begin - window.begin) / _length(last)) + 1)
        drawn += [_others(window, left, width, unit)] if window.others else []
        height = 0.0
        for count, color in zip(stack, colors, strict=True):
            if count:
                height += count * unit
                drawn.append(_box(left + width * 0.1, _HEIGHT - height, width * 0.8, count * unit, color))
        line = _HEIGHT - window.limit * unit
        drawn.append(Html(f'<path class="limit" d="M{left:.2f} {line:.2f}h{width:.2f}"/>'))
    told = f"{sum(map(sum, stacks)):,} calls in {len(windows)} windows; the fullest has {max(map(sum, stacks)):,}"
    return element(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{told}; the quota is {last.limit:,}. The table below has the numbers.",
    )


def _others(window: Window, left: float, width: float, unit: float) -> Html:
    spent = min(window.others, window.limit)
    return _box(left, _HEIGHT - window.limit * unit, width, spent * unit, "others")


def _box(left: float, top: float, width: float, height: float, color: str) -> Html:
    return Html(f'<rect class="{color}" x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}"/>')


def _as_table(windows: Sequence[Window]) -> Html:
    rows: list[list[Child]] = []
    for each in reversed(windows):
        counted = sorted(each.counts.items(), key=lambda item: -item[1])
        called = [
            element("li", f"{count:,} × ", text(endpoint), f": {status}", f" ({fault})" if fault else None)
            for (endpoint, status, fault), count in counted
        ]
        rows.append([moment(each.begin), f"{sum(each.counts.values()):,}", f"{each.limit:,}", element("ul", called)])
    shown = table(("Window", "Calls", "Quota", "Which"), rows, caption="Calls of each window")
    return details("windows", "Show as a table", shown)


def troubles(totals: Counter[Counted]) -> Html:
    """Return the table of what was not done as asked: refusals, failures and injected faults since the start."""
    rows = [
        (
            text(endpoint),
            link(address("requests", endpoint=endpoint, status=status, fault=fault), status_words(status)),
            f"injected fault ({fault})" if fault else "Intercom's rules",
            f"{count:,}",
        )
        for (endpoint, status, fault), count in sorted(totals.items(), key=lambda item: -item[1])
        if fault or not status.startswith("2")
    ]
    return table(("Endpoint", "Answer", "Cause", "Calls"), rows, caption="Refusals and faults since the start")


def status_words(status: str) -> str:
    """Return a counted status in words."""
    return "no answer" if status == "none" else status
