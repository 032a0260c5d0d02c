"""One question about many people: its shape, what is made of the answers, and what if it is refused."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.contacts.lookup import (
    HALVE,
    MOST_KEYS,
    MOST_PAGES,
    PROBE,
    TRY_AGAIN_SECONDS,
    Found,
    LookUp,
    SearchSize,
    search_query,
)
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NEVER, SearchContacts
from unit_tests.task_bench import Bench, listed, refusal

DOCUMENTED_FILTERS = 15
LIST_VALUES = 15
FULL = refusal(400, "invalid_field", "IN takes fewer values")
BROKEN = refusal(500, "server_error", "Server Error")


def keys_of(body: dict[str, Any]) -> list[str]:
    """The keys that a question asks for, within the documented limits."""
    query = body["query"]
    if query["operator"] == "=":
        return [query["value"]]
    filters = query["value"] if query["operator"] == "OR" else [query]
    assert 1 <= len(filters) <= DOCUMENTED_FILTERS
    assert all(each["operator"] == "IN" and 1 <= len(each["value"]) <= LIST_VALUES for each in filters)
    assert len({each["field"] for each in filters}) == 1
    return [key for each in filters for key in each["value"]]


def person(key: str, contact_id: str | None = None) -> dict[str, Any]:
    """A contact with this external_id."""
    return {"type": "contact", "id": contact_id or f"id-{key}", "role": "user", "external_id": key}


def keys(count: int) -> list[str]:
    """So many keys."""
    return [f"k{number}" for number in range(count)]


class Service:
    """Answers questions as long as they are no larger than `most` and hold none of `bad`, and else with `refused`."""

    def __init__(self, *, most: int = MOST_KEYS, refused: Answer = FULL, bad: Sequence[str] = ()) -> None:
        self.bench = Bench()
        self.size = SearchSize()
        self.most = most
        self.refused = refused
        self.bad = set(bad)
        self.asked: list[int] = []
        self.probes = 0

    def look_up(self, wanted: Sequence[str], *, decisive: bool = False) -> Found:
        """Look up all of `wanted`, each of whom there is."""
        steps = look_up(wanted, size=self.size, now=self.bench.time.now, decisive=decisive)
        answer: Answer | None = None
        try:
            while True:
                answer = self.answer(next(steps) if answer is None else steps.send(answer))
        except StopIteration as stop:
            found: Found = stop.value
            return found

    def answer(self, step: Step) -> Answer:
        """Answer one question; one that is tried like any other call is answered in the end."""
        assert isinstance(step, SearchContacts)
        asked = keys_of(step.query)
        if asked == [PROBE]:
            self.probes += 1
            return listed() if self.most else self.refused
        self.asked.append(len(asked))
        if len(asked) <= self.most and self.bad.isdisjoint(asked):
            return listed(*map(person, asked))
        return listed(*map(person, asked)) if step.gives_up == NEVER else self.refused


def look_up(
    wanted: Sequence[str], *, size: SearchSize, now: Callable[[], float] = lambda: 0.0, decisive: bool = False
) -> Generator[Step, Answer, Found]:
    """Make the steps that look people up by their User ID."""
    return LookUp("external_id", size=size, now=now, decisive=decisive).run(wanted)


@pytest.mark.parametrize("count", range(1, MOST_KEYS + 1))
def test_question_of_each_size_keeps_within_the_limits_and_asks_for_each_key_once(count: int) -> None:
    """At most ten lists of 15 in one OR, in one page of 150."""
    body = search_query("external_id", keys(count))
    assert keys(count) == keys_of(body)
    assert {"per_page": 150} == body["pagination"]
    assert {"query", "pagination"} == body.keys()


@pytest.mark.parametrize(
    ("count", "query"),
    [
        (1, {"field": "email", "operator": "=", "value": "k0"}),
        (2, {"field": "email", "operator": "IN", "value": ["k0", "k1"]}),
        (
            16,
            {
                "operator": "OR",
                "value": [
                    {"field": "email", "operator": "IN", "value": keys(15)},
                    {"field": "email", "operator": "IN", "value": ["k15"]},
                ],
            },
        ),
    ],
)
def test_question_when_small_has_no_more_around_it_than_it_needs(count: int, query: dict[str, Any]) -> None:
    """One key is compared, one list stands alone, several are an OR."""
    assert query == search_query("email", keys(count))["query"]


def test_question_when_it_goes_on_names_where() -> None:
    """The next page of the same question."""
    body = search_query("email", ["a", "b"], after="x")
    assert {"per_page": 150, "starting_after": "x"} == body["pagination"]


def test_lookup_when_all_is_well_is_one_search() -> None:
    """150 people a call."""
    service = Service()
    found = service.look_up(keys(MOST_KEYS))
    assert keys(MOST_KEYS) == list(found)
    assert [MOST_KEYS] == service.asked
    assert [] == list(service.size.notes.take())


@pytest.mark.parametrize("refused", [FULL, refusal(422, "parameter_invalid"), Answer(413, "other")])
def test_lookup_when_its_size_is_refused_asks_in_halves_and_remembers(refused: Answer) -> None:
    """Down to what is taken; the next batch begins with that, however long after; the log is told once."""
    service = Service(most=40, refused=refused)
    assert keys(MOST_KEYS) == list(service.look_up(keys(MOST_KEYS)))
    assert [150, 75, 37, 38, 38, 37] == service.asked
    (note,) = service.size.notes.take()
    assert "75" in note.text
    service.bench.time.seconds += 10 * TRY_AGAIN_SECONDS
    service.asked.clear()
    service.look_up(keys(74))
    assert [38, 36] == service.asked
    assert [] == list(service.size.notes.take())


def test_lookup_when_only_single_keys_are_taken_asks_for_each() -> None:
    """One key a call is the least."""
    service = Service(most=1)
    assert keys(9) == list(service.look_up(keys(9)))
    assert [9, 4, 2, *[1] * 9] == service.asked
    assert 1 == service.size.now(0.0)


@pytest.mark.parametrize("refused", [FULL, BROKEN])
def test_lookup_when_a_key_is_bad_still_finds_the_others_and_keeps_its_size(refused: Answer) -> None:
    """One bad key says nothing about the size of questions, nor do many."""
    bad = ["k7", "k8", "k9", "k100"]
    service = Service(refused=refused, bad=bad)
    found = service.look_up(keys(MOST_KEYS))
    assert set(keys(MOST_KEYS)) - set(bad) == set(found)
    assert MOST_KEYS == service.size.now(service.bench.time.seconds)
    assert len(service.asked) <= 50
    (note,) = service.size.notes.take()
    assert "searches for each of them alone" in note.text


@pytest.mark.parametrize(("refused", "forgotten_after"), [(FULL, 10**9), (BROKEN, TRY_AGAIN_SECONDS)])
def test_key_when_its_search_failed_is_not_asked_for_again_for_a_while(refused: Answer, forgotten_after: float) -> None:
    """In the run if it was refused, for five minutes after a 500: it would take the whole question with it."""
    service = Service(refused=refused, bad=["k7"])
    service.look_up(keys(9))
    service.asked.clear()
    service.bench.time.seconds += forgotten_after - 1.0
    assert "k7" not in service.look_up(keys(9))
    assert [8] == service.asked
    service.bad.clear()
    service.bench.time.seconds += 1.0
    found = service.look_up(keys(9))
    assert (refused is BROKEN) == ("k7" in found)


def test_lookup_when_every_key_is_refused_finds_nobody_and_says_so_once() -> None:
    """Each is found out by its create; the next batch is asked for all the same."""
    service = Service(bad=keys(300))
    assert {} == service.look_up(keys(4))
    assert [4, 2, 1, 1, 2, 1, 1] == service.asked
    assert 1 == len(list(service.size.notes.take()))
    assert MOST_KEYS == service.size.now(0.0)
    service.look_up([f"other {number}" for number in range(150)])
    assert 150 == service.asked[-1]


def test_lookup_when_the_search_is_out_of_order_gives_up_where_the_create_tells() -> None:
    """A harmless question fails, too: that is an outage, and says nothing of any key."""
    service = Service(most=0, refused=BROKEN)
    assert {} == service.look_up(keys(4))
    assert ([4, 2, 1], 1) == (service.asked, service.probes)
    assert [] == list(service.size.notes.take())
    service.most = MOST_KEYS
    service.asked.clear()
    assert 4 == len(service.look_up(keys(4)))
    assert [4] == service.asked


def test_lookup_when_the_search_is_out_of_order_goes_on_trying_where_it_decides() -> None:
    """Whoever is not found would be made a second time."""
    service = Service(most=0, refused=BROKEN)
    steps = look_up(keys(2), size=service.size, decisive=True)
    asked = [next(steps)]
    asked.append(steps.send(BROKEN))
    asked.append(steps.send(BROKEN))
    tried = steps.send(BROKEN)
    assert isinstance(tried, SearchContacts)
    assert ([[PROBE]], ["k0"], NEVER) == ([keys_of(asked[-1].query)], keys_of(tried.query), tried.gives_up)  # type: ignore[union-attr]
    last = steps.send(listed(person("k0")))
    assert isinstance(last, SearchContacts)
    assert ["k1"] == keys_of(last.query)
    with pytest.raises(StopIteration) as stopped:
        steps.send(listed(person("k1")))
    assert keys(2) == list(stopped.value.value)


def test_key_when_its_search_is_refused_after_an_outage_is_known_not_to_have_been_answered() -> None:
    """Whoever creates the contact where nothing conflicts must know it."""
    service = Service()
    steps = look_up(["k0"], size=service.size, decisive=True)
    next(steps)
    steps.send(BROKEN)
    steps.send(BROKEN)
    with pytest.raises(StopIteration):
        steps.send(FULL)
    assert service.size.fails("external_id", "k0", now=service.bench.time.now())


@pytest.mark.parametrize("refused", [FULL, BROKEN])
def test_key_when_its_search_fails_where_it_decides_holds_up_nobody(refused: Answer) -> None:
    """Alone in its question: one for nobody is answered, so that it is the key."""
    service = Service(refused=refused, bad=["k0"])
    assert {} == service.look_up(["k0"], decisive=True)
    assert (refused is BROKEN) == service.probes


def test_lookup_when_a_500_speaks_against_its_size_probes_and_tries_in_full_after_five_minutes() -> None:
    """A 500 may be an outage: what worked is kept for a while only, and without a word."""
    service = Service(most=75, refused=BROKEN)
    service.look_up(keys(MOST_KEYS))
    assert [150, 75, 75] == service.asked
    service.most = MOST_KEYS
    service.asked.clear()
    service.bench.time.seconds += TRY_AGAIN_SECONDS - 1
    service.look_up(keys(MOST_KEYS))
    assert [75, 75] == service.asked
    service.asked.clear()
    service.bench.time.seconds += 1
    service.look_up(keys(MOST_KEYS))
    assert [150] == service.asked
    assert [] == list(service.size.notes.take())


def test_lookup_after_an_outage_is_made_in_full_again_five_minutes_later_and_not_at_each_batch() -> None:
    """Each try in full costs two calls while the 500s last; small searches cost many for as long as they are made."""
    service = Service(most=75, refused=BROKEN)
    service.look_up(keys(MOST_KEYS))
    asked = []
    for _ in range(5):
        service.bench.time.seconds += 60.0
        service.asked.clear()
        service.look_up(keys(MOST_KEYS))
        asked.append(service.asked[0])
    assert [75, 75, 75, 75, MOST_KEYS] == asked


def test_lookups_when_they_overlap_never_make_the_size_larger_again() -> None:
    """A refusal that comes late, of a question as large as before, teaches nothing new."""
    size, bench = SearchSize(), Bench()
    late = look_up(keys(MOST_KEYS), size=size, now=bench.time.now)
    next(late)
    small = Service(most=10)
    small.size = size
    small.look_up(keys(MOST_KEYS))
    lowest = size.refused_above
    assert 9 == lowest
    assert 1 == len(list(size.notes.take()))
    step = late.send(FULL)
    assert lowest == size.refused_above
    assert [] == list(size.notes.take())
    assert isinstance(step, SearchContacts)
    assert lowest == len(keys_of(step.query))
    late.close()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=60),
    st.sets(st.integers(0, 449), max_size=6),
    st.sampled_from([FULL, BROKEN]),
)
def test_lookups_when_they_overlap_in_any_order_keep_the_size_where_only_keys_are_bad(
    turns: list[tuple[int, bool]], bad: set[int], refused: Answer
) -> None:
    """Three at once, each with bad keys or none: whoever is good is found, and the size is as it was."""
    service = Service(refused=refused, bad=[f"k{number}" for number in bad])
    wanted = [keys(450)[start : start + 150] for start in (0, 150, 300)]
    running = [look_up(each, size=service.size, now=service.bench.time.now) for each in wanted]
    asked: list[Step | None] = [next(each) for each in running]
    found: set[str] = set()
    order = [which for which, _ in turns]
    while any(step is not None for step in asked):
        which = order.pop(0) if order else next(number for number, step in enumerate(asked) if step is not None)
        step = asked[which]
        if step is None:
            continue
        try:
            asked[which] = running[which].send(service.answer(step))
        except StopIteration as stop:
            asked[which] = None
            found |= set(stop.value)
    assert {key for key in keys(450) if key not in service.bad} == found
    assert MOST_KEYS == service.size.now(service.bench.time.seconds)


def test_lookup_when_there_is_a_next_page_follows_it() -> None:
    """Several contacts may share an address."""
    bench = Bench()
    steps = look_up(["a", "b"], size=SearchSize(), now=bench.time.now)
    answers = [listed(person("a"), after="p2"), listed(person("b"), after="p3"), listed(person("b", "twin"))]
    found, calls, _ = bench.drive(steps, *answers)
    assert {"a": ["id-a"], "b": ["id-b", "twin"]} == ids(found)
    expected = [
        SearchContacts(search_query("external_id", ["a", "b"], after=after), gives_up=HALVE)
        for after in (None, "p2", "p3")
    ]
    assert expected == calls


def test_lookup_when_the_pages_never_end_stops() -> None:
    """A page that points to itself is no reason to ask for ever."""
    bench = Bench()
    steps = look_up(["a"], size=SearchSize(), now=bench.time.now)
    found, calls, _ = bench.drive(steps, *[listed(person("a"), after="same")] * MOST_PAGES)
    assert MOST_PAGES == len(calls)
    assert {"a": ["id-a"]} == ids(found)


def test_contact_when_it_is_on_two_pages_is_one_contact() -> None:
    """The order of a search is that of the last update: who is written meanwhile moves."""
    bench = Bench()
    steps = look_up(["a", "b"], size=SearchSize(), now=bench.time.now)
    found, _, _ = bench.drive(steps, listed(person("a"), after="p2"), listed(person("a"), person("b")))
    assert {"a": ["id-a"], "b": ["id-b"]} == ids(found)


def test_contact_when_found_before_a_later_page_is_refused_is_one_contact() -> None:
    """The keys are asked for again, in halves."""
    bench = Bench()
    steps = look_up(["a", "b"], size=SearchSize(), now=bench.time.now)
    answers = [listed(person("a"), after="p2"), FULL, listed(person("a")), listed(person("b"))]
    found, _, _ = bench.drive(steps, *answers)
    assert {"a": ["id-a"], "b": ["id-b"]} == ids(found)


def ids(found: Found) -> dict[str, list[str]]:
    """The ids of the contacts that were found."""
    return {key: [contact.contact_id for contact in contacts] for key, contacts in found.items()}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": []},
        {"data": {"a": 1}},
        {
            "data": [
                "a",
                7,
                None,
                {},
                {"id": 7, "external_id": "a"},
                {"external_id": "a"},
                {"id": "1", "external_id": 7},
            ]
        },
        {"data": [], "pages": []},
        {"data": [], "pages": {"next": "https://x"}},
        {"data": [], "pages": {"next": {"starting_after": None}}},
        {"data": [], "pages": {"next": {"starting_after": ""}}},
        {"data": [], "pages": {"next": {"starting_after": 7}}},
    ],
)
def test_lookup_when_the_answer_holds_nobody_has_found_nobody(body: dict[str, Any]) -> None:
    """A 200 without `data` was seen in production."""
    bench = Bench()
    steps = look_up(["a"], size=SearchSize(), now=bench.time.now)
    found, calls, _ = bench.drive(steps, Answer(200, "json", {"type": "list", **body}))
    assert {} == found
    assert 1 == len(calls)


def test_lookup_when_somebody_else_is_in_the_answer_does_not_take_them() -> None:
    """Whatever the service means by equal: the key decides."""
    bench = Bench()
    others = [person("A"), person("a "), person("c"), {**person("x"), "external_id": None}]
    steps = look_up(["a", "b"], size=SearchSize(), now=bench.time.now)
    found, _, _ = bench.drive(steps, listed(*others, person("b")))
    assert {"b": ["id-b"]} == ids(found)


def test_lookup_by_email_when_found_matches_the_address_in_any_case() -> None:
    """And tells all who share it."""
    bench = Bench()
    contacts = [{"id": "1", "email": " Ada@Example.com", "external_id": "x"}, {"id": "2", "email": "ada@example.com"}]
    steps = LookUp("email", size=SearchSize(), now=bench.time.now).run(["ada@example.com"])
    found, _, _ = bench.drive(steps, listed(*contacts))
    assert {"ada@example.com": ["1", "2"]} == ids(found)


@settings(deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=400),
    st.integers(1, 200),
    st.sampled_from([FULL, BROKEN]),
)
def test_lookup_loses_nobody_and_never_exceeds_its_limits(wanted: list[str], most: int, refused: Answer) -> None:
    """Whatever the service takes: all are found, and no question is larger than a page."""
    service = Service(most=most, refused=refused)
    found = service.look_up([key for key in wanted if key != PROBE])
    assert {key: [f"id-{key}"] for key in wanted if key != PROBE} == ids(found)
    assert all(asked <= MOST_KEYS for asked in service.asked)
    assert len(found) == sum(asked for asked in service.asked if asked <= most)


@pytest.mark.parametrize("make", [lambda: SearchSize(refused_above=10, probing=75, probing_until=9.0)])
def test_question_size_when_both_are_known_is_the_smaller(make: Callable[[], SearchSize]) -> None:
    """A size that was refused for good stays refused while a probe lasts."""
    assert 10 == make().now(0.0)
    assert 10 == make().now(9.0)
