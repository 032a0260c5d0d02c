"""What the records of a sync had of what is selected."""

from destination_intercom.configuration.usage import MOST_NAMED, Usage, Watch
from destination_intercom.paths import compile_path


def _watch(usage: Usage, *names: str) -> Watch:
    return Watch(usage, [(name, compile_path(name)) for name in names])


def test_property_that_any_stream_has_is_seen() -> None:
    """A list may be shared by streams of which each has some of it."""
    usage = Usage()
    first, second = _watch(usage, "a", "b", "c"), _watch(usage, "a", "b", "c")
    first.look({"a": 1})
    second.look({"b": None})
    assert [
        "Selected, but in no record of this sync: c. Check how the names are written in the source's records. Some sources leave out what is null."
    ] == list(usage.never_seen())


def test_watch_when_all_were_seen_looks_no_more() -> None:
    """Most records cost nothing."""
    usage = Usage()
    watch = _watch(usage, "a", "b")
    is_open = [watch.is_open]
    for record in ({"a": 1}, {"b": 1}):
        watch.look(record)
        is_open.append(watch.is_open)
    assert [True, True, False] == is_open
    assert not _watch(usage).is_open


def test_usage_when_nobody_looked_says_nothing() -> None:
    """A stream without records has no property that is missing."""
    usage = Usage()
    _watch(usage, "a")
    usage.names("events.selected_events", ["x"])
    assert [] == [*usage.never_seen(), *usage.failures(), *usage.take_warnings()]


def test_usage_when_very_many_were_never_seen_names_some_and_counts_the_others() -> None:
    """A line of the log has its bounds."""
    usage = Usage()
    _watch(usage, *(f"p{number}" for number in range(MOST_NAMED + 5))).look({})
    (told,) = usage.never_seen()
    assert told.count("; p") == MOST_NAMED - 1
    assert "; and 5 more." in told


def test_failure_of_a_template_is_warned_of_once_and_counted() -> None:
    """A warning for each record would be a million of them."""
    usage = Usage()
    for _ in range(3):
        usage.note_failure("users.attributes, entry 2")
    usage.note_failure("identity.property")
    assert ["users.attributes, entry 2", "identity.property"] == [
        text.partition(":")[0] for text in usage.take_warnings()
    ]
    assert [] == list(usage.take_warnings())
    (told,) = usage.failures()
    assert told.endswith("with the number of records: users.attributes, entry 2: 3; identity.property: 1.")
