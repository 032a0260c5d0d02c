"""One question about many people: its shape, what is made of the answers, and what if it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.contacts.lookup import (
    HALVE,
    MOST_KEYS,
    MOST_PAGES,
    TRY_AGAIN_SECONDS,
    Found,
    SearchSize,
    look_up,
    search_query,
)
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import SearchContacts
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
    """Answers questions as long as they are no larger than `most`, and otherwise with `refused`."""

    def __init__(self, *, most: int = MOST_KEYS, refused: Answer = FULL) -> None:
        self.bench = Bench()
        self.size = SearchSize()
        self.most = most
        self.refused = refused
        self.asked: list[int] = []

    def look_up(self, wanted: Sequence[str]) -> Found | None:
        """Look up all of `wanted`, each of whom there is."""
        steps = look_up("external_id", wanted, size=self.size, now=self.bench.time.now)
        answer: Answer | None = None
        try:
            while True:
                answer = self._answer(next(steps) if answer is None else steps.send(answer))
        except StopIteration as stop:
            found: Found | None = stop.value
            return found

    def _answer(self, step: Step) -> Answer:
        assert isinstance(step, SearchContacts)
        asked = keys_of(step.query)
        self.asked.append(len(asked))
        return listed(*map(person, asked)) if len(asked) <= self.most else self.refused


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
    assert found is not None
    assert keys(MOST_KEYS) == list(found)
    assert [MOST_KEYS] == service.asked
    assert [] == list(service.size.notes.take())


@pytest.mark.parametrize("refused", [FULL, refusal(422, "parameter_invalid"), Answer(413, "other")])
def test_lookup_when_its_size_is_refused_asks_in_halves_and_remembers(refused: Answer) -> None:
    """Down to what is taken; the next batch begins with that, however long after; the log is told once."""
    service = Service(most=40, refused=refused)
    found = service.look_up(keys(MOST_KEYS))
    assert found is not None
    assert keys(MOST_KEYS) == list(found)
    assert [150, 75, 37, 37, 37, 37, 2] == service.asked
    (note,) = service.size.notes.take()
    assert "150" in note.text
    service.bench.time.seconds += 10 * TRY_AGAIN_SECONDS
    service.asked.clear()
    service.look_up(keys(74))
    assert [37, 37] == service.asked
    assert [] == list(service.size.notes.take())


def test_lookup_when_only_single_keys_are_taken_asks_for_each() -> None:
    """One key a call is the least."""
    service = Service(most=1)
    found = service.look_up(keys(9))
    assert found is not None
    assert keys(9) == list(found)
    assert [9, 4, 2, *[1] * 9] == service.asked


def test_lookup_when_even_one_key_fails_gives_up() -> None:
    """Then nothing is known of anybody."""
    service = Service(most=0, refused=BROKEN)
    assert None is service.look_up(keys(4))
    assert [4, 2, 1] == service.asked


def test_lookup_when_nothing_but_refusals_comes_asks_no_more_in_this_run() -> None:
    """Searching is impossible there, and each question would be a call for nothing."""
    service = Service(most=0, refused=FULL)
    assert {} == service.look_up(keys(4))
    asked = len(service.asked)
    assert 3 == service.asked.count(1)
    assert {} == service.look_up(keys(150))
    assert asked == len(service.asked)


def test_lookup_when_one_key_is_refused_still_finds_the_others_and_keeps_its_size() -> None:
    """One bad key says nothing about the size of questions."""
    size = SearchSize()
    wanted = [*keys(140), "bad", *keys(149)[140:]]
    asked: list[int] = []

    def answer(call: Any) -> Answer:
        names = keys_of(call.query)
        asked.append(len(names))
        data = [{"id": f"id-{key}", "role": "user", "external_id": key} for key in names]
        return FULL if "bad" in names else Answer(200, "json", {"type": "list", "data": data})

    found = run(look_up("external_id", wanted, size=size, now=lambda: 0.0), answer)
    assert set(keys(149)) == set(found)
    assert MOST_KEYS == size.now(0.0)
    assert len(asked) <= 20


def test_lookups_when_keys_are_refused_here_and_there_go_on() -> None:
    """Only refusals with nothing between them speak against searching: two bad values, a good one, two bad ones."""
    service = Service()
    for most in (0, 0, MOST_KEYS, 0, 0):
        service.most = most
        service.look_up(["k"])
    service.most = MOST_KEYS
    found = service.look_up(["last"])
    assert found is not None
    assert ["last"] == list(found)


def test_lookups_when_two_meet_a_bad_key_at_once_give_each_other_the_full_size_back() -> None:
    """The second began while the first asked for less; that it ends last must not make less of it for ever."""
    size, bench = SearchSize(), Bench()
    first = look_up("external_id", ["bad", "fine"], size=size, now=bench.time.now)
    next(first)
    first.send(FULL)
    second = look_up("external_id", ["bad too"], size=size, now=bench.time.now)
    next(second)
    first.send(FULL)
    with pytest.raises(StopIteration):
        second.send(FULL)
    assert MOST_KEYS == size.now(bench.time.now())
    first.close()


def run(steps: Any, answer: Callable[[Any], Answer]) -> Any:
    """Drive steps to their end."""
    call = next(steps)
    while True:
        try:
            call = steps.send(answer(call))
        except StopIteration as stop:
            return stop.value


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


def test_lookup_when_a_probe_never_worked_forgets_it() -> None:
    """An outage says nothing about sizes: the next batch is asked in full."""
    service = Service(most=0, refused=BROKEN)
    assert None is service.look_up(keys(MOST_KEYS))
    service.most = MOST_KEYS
    service.asked.clear()
    service.look_up(keys(MOST_KEYS))
    assert [150] == service.asked


def test_lookups_when_they_overlap_never_make_the_size_larger_again() -> None:
    """A refusal that comes late, of a question as large as before, teaches nothing new."""
    size, bench = SearchSize(), Bench()
    late = look_up("external_id", keys(MOST_KEYS), size=size, now=bench.time.now)
    next(late)
    small = Service(most=10)
    small.size = size
    small.look_up(keys(MOST_KEYS))
    lowest = size.refused_above
    assert 1 == len(list(size.notes.take()))
    step = late.send(FULL)
    assert lowest == size.refused_above
    assert [] == list(size.notes.take())
    assert isinstance(step, SearchContacts)
    assert lowest == len(keys_of(step.query))
    late.close()


def test_lookup_when_there_is_a_next_page_follows_it() -> None:
    """Several contacts may share an address."""
    bench = Bench()
    steps = look_up("external_id", ["a", "b"], size=SearchSize(), now=bench.time.now)
    answers = [listed(person("a"), after="p2"), listed(person("b"), after="p3"), listed(person("b", "twin"))]
    found, calls, _ = bench.drive(steps, *answers)
    assert found is not None
    assert {"a": ["id-a"], "b": ["id-b", "twin"]} == ids(found)
    expected = [
        SearchContacts(search_query("external_id", ["a", "b"], after=after), gives_up=HALVE)
        for after in (None, "p2", "p3")
    ]
    assert expected == calls


def test_lookup_when_the_pages_never_end_stops() -> None:
    """A page that points to itself is no reason to ask for ever."""
    bench = Bench()
    steps = look_up("external_id", ["a"], size=SearchSize(), now=bench.time.now)
    found, calls, _ = bench.drive(steps, *[listed(person("a"), after="same")] * MOST_PAGES)
    assert found is not None
    assert MOST_PAGES == len(calls)
    assert {"a": ["id-a"]} == ids(found)


def test_contact_when_it_is_on_two_pages_is_one_contact() -> None:
    """The order of a search is that of the last update: who is written meanwhile moves."""
    bench = Bench()
    steps = look_up("external_id", ["a", "b"], size=SearchSize(), now=bench.time.now)
    found, _, _ = bench.drive(steps, listed(person("a"), after="p2"), listed(person("a"), person("b")))
    assert found is not None
    assert {"a": ["id-a"], "b": ["id-b"]} == ids(found)


def test_contact_when_found_before_a_later_page_is_refused_is_one_contact() -> None:
    """The keys are asked for again, in halves."""
    bench = Bench()
    steps = look_up("external_id", ["a", "b"], size=SearchSize(), now=bench.time.now)
    answers = [listed(person("a"), after="p2"), BROKEN, listed(person("a")), listed(person("b"))]
    found, _, _ = bench.drive(steps, *answers)
    assert found is not None
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
    steps = look_up("external_id", ["a"], size=SearchSize(), now=bench.time.now)
    found, calls, _ = bench.drive(steps, Answer(200, "json", {"type": "list", **body}))
    assert {} == found
    assert 1 == len(calls)


def test_lookup_when_somebody_else_is_in_the_answer_does_not_take_them() -> None:
    """Whatever the service means by equal: the key decides."""
    bench = Bench()
    others = [person("A"), person("a "), person("c"), {**person("x"), "external_id": None}]
    steps = look_up("external_id", ["a", "b"], size=SearchSize(), now=bench.time.now)
    found, _, _ = bench.drive(steps, listed(*others, person("b")))
    assert found is not None
    assert {"b": ["id-b"]} == ids(found)


def test_lookup_by_email_when_found_matches_the_address_in_any_case() -> None:
    """And tells all who share it."""
    bench = Bench()
    contacts = [{"id": "1", "email": " Ada@Example.com", "external_id": "x"}, {"id": "2", "email": "ada@example.com"}]
    steps = look_up("email", ["ada@example.com"], size=SearchSize(), now=bench.time.now)
    found, _, _ = bench.drive(steps, listed(*contacts))
    assert found is not None
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
    found = service.look_up(wanted)
    assert found is not None
    assert {key: [f"id-{key}"] for key in wanted} == ids(found)
    assert all(asked <= MOST_KEYS for asked in service.asked)
    assert len(wanted) == sum(asked for asked in service.asked if asked <= most)


@pytest.mark.parametrize("make", [lambda: SearchSize(refused_above=10, probing=75, probing_until=9.0)])
def test_question_size_when_both_are_known_is_the_smaller(make: Callable[[], SearchSize]) -> None:
    """A size that was refused for good stays refused while a probe lasts."""
    assert 10 == make().now(0.0)
    assert 10 == make().now(9.0)
