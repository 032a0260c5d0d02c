"""Which tags a contact bears: what is read of it, what is put on, and what may be taken off."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.contacts.diff import merge
from destination_intercom.contacts.known import ContactReader, KnownContact, ShownLinks, read_links
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.tagging import BELIEVED_SECONDS, NOTHING_TAGGED, ReplacedTags, Tagged, Tagging
from destination_intercom.delivery.kinds import Notes
from destination_intercom.delivery.tasks import Acquire, Release, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, ListContactTags, ListTags, TagContacts, UntagContact
from destination_intercom.outcomes import UNDELIVERABLE, rejected
from unit_tests.keys import by_id
from unit_tests.task_bench import ID, OTHER_ID, Bench, Names, refusal

PREFIX = "s: "
ENTRY = "tags segments"
PLACE = 'users.tags, entry 1 ("segments")'
INVALID = refusal(400, "parameter_invalid", "invalid tag parameters")
GONE = refusal(404, "not_found", "Resource Not Found")


def names(**ids: str) -> Answer:
    """A list of tags: the name of each, by its id."""
    return Answer(200, "json", {"type": "list", "data": [{"id": each, "name": name} for each, name in ids.items()]})


ALL = names(a="S: A", b="s: b", vip="VIP", other="Other")
TAGGED = Answer(200, "json", {"type": "tag", "id": "new"})
UNTAGGED = Answer(200, "json", {"type": "tag", "id": "b"})


def change(*tags: str, listed: tuple[str, ...] | None = None, key: str = "k") -> ContactChange:
    """A change to the contact `k` that names these tags; with `listed` these are all with the prefix."""
    lists = {} if listed is None else {PREFIX: frozenset(listed)}
    return ContactChange(by_id(key), {}, {}, tags=dict.fromkeys(tags, ENTRY), lists=lists)


def replacing(*tags: str, key: str = "k") -> ContactChange:
    """A change that names all tags of the contact with the prefix."""
    return change(*tags, listed=tuple(name.casefold() for name in tags if name.casefold().startswith(PREFIX)), key=key)


def bearing(*ids: str, more: bool = False, contact_id: str = ID) -> KnownContact:
    """A contact that shows these tags."""
    shown = read_links({"type": "list", "data": [{"id": each} for each in ids], "has_more": more})
    return KnownContact(contact_id, "user", tags=shown)


class Desk(Bench):
    """Tagging, driven by hand; a group of one waits for its two seconds."""

    def __init__(self, **replaced: str) -> None:
        super().__init__()
        self.notes = Notes()
        entries = {PREFIX: ReplacedTags(ENTRY, PLACE), **{p: ReplacedTags(ENTRY, PLACE) for p in replaced.values()}}
        self.tagging = Tagging(self.time.now, replaced=entries, notes=self.notes)

    def settle(self, contact: KnownContact, wanted: ContactChange, *answers: Answer) -> tuple[Tagged, list[Call]]:
        """Settle the tags of a contact; return what came of them, and the calls."""
        self.tagging.hear(wanted)
        tagged, calls, _ = self.drive(self.tagging.settle(contact, wanted), *answers)
        assert [] == self.held
        return tagged, calls


def test_tags_are_read_of_a_contact_where_the_sync_has_any() -> None:
    """Else nothing is kept of them."""
    body = {"id": ID, "tags": {"data": [{"id": "a"}], "total_count": 11}}
    assert None is ContactReader(Names({})).read(body).tags
    shown = ContactReader(Names({}), with_tags=True).read(body).tags
    assert isinstance(shown, ShownLinks)
    assert ([hash("a")], True) == (shown.ids.tolist(), shown.has_more)


def test_tags_that_an_answer_does_not_show_are_known_as_they_were() -> None:
    """As with values."""
    reader = ContactReader(Names({}), with_tags=True)
    before, after = reader.read({"id": ID, "tags": {"data": [{"id": "a"}]}}), reader.read({"id": ID})
    assert before.tags == reader.fill(before, after).tags


def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    """A record that names no tags and lists none."""
    assert (NOTHING_TAGGED, []) == Desk().settle(bearing("a", more=True), change())


def test_tags_that_are_borne_cost_the_list_of_all_names_once() -> None:
    """In any case."""
    desk = Desk()
    assert (NOTHING_TAGGED, [ListTags()]) == desk.settle(bearing("a", "vip"), replacing("s: A", "vip"), ALL)
    assert (NOTHING_TAGGED, []) == desk.settle(bearing("a", "vip", contact_id=OTHER_ID), replacing("S: a"))


def test_names_are_not_asked_for_where_a_contact_bears_no_tag() -> None:
    """What is missing is put on."""
    assert (Tagged(any=True), [TagContacts("s: A", (ID,))]) == Desk().settle(bearing(), replacing("s: A"), TAGGED)


def test_tags_that_nobody_has_shown_are_put_on_and_listed_where_they_are_replaced() -> None:
    """To put one on again is harmless."""
    unknown = KnownContact(ID)
    assert [TagContacts("x", (ID,))] == Desk().settle(unknown, change("x"), TAGGED)[1]
    _, calls = Desk().settle(unknown, replacing("s: c"), names(b="s: b"), TAGGED, UNTAGGED)
    assert [ListContactTags(ID), TagContacts("s: c", (ID,)), UntagContact(ID, "b")] == calls


def test_tags_are_put_on_before_others_are_taken_off() -> None:
    """And only those with the prefix are, whatever else the contact bears."""
    tagged, calls = Desk().settle(bearing("a", "b", "vip", "strange"), replacing("s: B", "new"), ALL, TAGGED, UNTAGGED)
    assert [ListTags(), TagContacts("new", (ID,)), UntagContact(ID, "a")] == calls
    assert Tagged(any=True) == tagged


def test_tags_when_only_some_are_named_then_none_is_taken_off() -> None:
    """The record has no list."""
    assert (NOTHING_TAGGED, [ListTags()]) == Desk().settle(bearing("a", "b"), change("s: a"), ALL)


def test_tags_of_a_longer_prefix_are_taken_off_only_where_its_list_is_there_too() -> None:
    """Another entry may name them."""
    both = names(a="s: x-1", b="s: y")
    assert UntagContact(ID, "a") not in Desk(longer="s: x-").settle(bearing("a", "b"), replacing(), both, UNTAGGED)[1]
    wanted = ContactChange(by_id("k"), {}, {}, lists={PREFIX: frozenset(), "s: x-": frozenset()})
    _, calls = Desk(longer="s: x-").settle(bearing("a", "b"), wanted, both, UNTAGGED, UNTAGGED)
    assert [ListTags(), UntagContact(ID, "a"), UntagContact(ID, "b")] == calls


@pytest.mark.parametrize(("answer", "is_change"), [(UNTAGGED, True), (GONE, False)])
def test_tag_that_was_taken_off_is_off_for_ten_minutes_and_comes_back_if_it_is_named(
    answer: Answer, is_change: bool
) -> None:
    """The search may show it still; 404 says that it is off already."""
    desk = Desk()
    assert (Tagged(any=is_change), [ListTags(), UntagContact(ID, "b")]) == desk.settle(
        bearing("b"), replacing(), ALL, answer
    )
    assert (NOTHING_TAGGED, []) == desk.settle(bearing("b"), replacing())
    assert [TagContacts("s: B", (ID,))] == desk.settle(bearing("b"), change("s: B"), TAGGED)[1]
    assert (NOTHING_TAGGED, []) == desk.settle(bearing(), change("s: b"))
    desk.time.seconds += BELIEVED_SECONDS
    assert [TagContacts("s: b", (ID,))] == desk.settle(bearing(), change("s: b"), TAGGED)[1]


def test_tag_that_was_put_on_is_believed_for_ten_minutes() -> None:
    """Of this contact, and under this name."""
    desk = Desk()
    desk.settle(bearing(), change("x"), TAGGED)
    assert (NOTHING_TAGGED, []) == desk.settle(bearing(), change("X"))
    assert [TagContacts("x", (OTHER_ID,))] == desk.settle(bearing(contact_id=OTHER_ID), change("x"), TAGGED)[1]
    desk.time.seconds += BELIEVED_SECONDS
    assert [TagContacts("x", (ID,))] == desk.settle(bearing(), change("x"), TAGGED)[1]


def test_tag_that_the_run_has_made_is_known_by_its_id() -> None:
    """Another contact that shows it does not need it again."""
    desk = Desk()
    desk.settle(bearing("vip"), change("s: x"), ALL, TAGGED)
    assert (NOTHING_TAGGED, []) == desk.settle(bearing("new", contact_id=OTHER_ID), change("s: x"))
    assert [UntagContact("third", "new")] == desk.settle(
        bearing("new", contact_id="third"), replacing(key="third"), UNTAGGED
    )[1]


def test_tag_that_is_known_is_known_by_its_first_id() -> None:
    """A dry run answers with another one, and people show the real one."""
    desk = Desk()
    desk.settle(bearing("vip"), change("s: a"), ALL, Answer(200, "json", {"type": "tag", "id": "dry-run-1"}))
    assert (NOTHING_TAGGED, []) == desk.settle(bearing("a", contact_id=OTHER_ID), change("s: a"))


def test_contact_with_more_tags_than_are_shown_is_asked_for_all_where_it_matters() -> None:
    """Not where all that is wanted is shown, and nothing may be taken off."""
    desk = Desk()
    assert [ListTags()] == desk.settle(bearing("a", more=True), change("s: a"), ALL)[1]
    assert [ListContactTags(ID)] == desk.settle(bearing("a", more=True), change("other"), names(other="Other"))[1]
    _, calls = desk.settle(bearing("a", more=True), replacing("s: a"), names(a="S: A", b="s: b"), UNTAGGED)
    assert [ListContactTags(ID), UntagContact(ID, "b")] == calls


def test_names_that_are_too_many_to_be_read_are_asked_for_contact_by_contact() -> None:
    """Where tags may be taken off; else they are put on again."""
    desk = Desk()
    too_large = Answer(413, "other")
    assert [ListTags(), TagContacts("s: a", (ID,))] == desk.settle(bearing("a"), change("s: a"), too_large, TAGGED)[1]
    own = names(a="s: a", b="s: b")
    _, calls = desk.settle(bearing("a", "b", contact_id=OTHER_ID), replacing("s: a", key="o"), own, UNTAGGED)
    assert [ListContactTags(OTHER_ID), UntagContact(OTHER_ID, "b")] == calls


@pytest.mark.parametrize("answer", [GONE, Answer(200, "json", {"data": [7, {"id": "a"}, {"name": "s: a"}, {}]})])
def test_contact_whose_tags_cannot_be_listed_loses_none(answer: Answer) -> None:
    """Nobody knows any that could be taken off."""
    tagged, calls = Desk().settle(bearing("a", more=True), replacing("s: x"), ALL, answer, GONE)
    assert [ListTags(), ListContactTags(ID), TagContacts("s: x", (ID,))] == calls
    assert Tagged(any=False, refused=frozenset({"s: x"})) == tagged


def test_tag_that_is_refused_is_told_to_each_record_that_names_it_and_one_that_stays_to_its_entry() -> None:
    """Each under the name of its entry; the others are put on and taken off."""
    desk = Desk()
    wanted = replacing("bad", "s: c")
    tagged, calls = desk.settle(bearing("a", "b"), wanted, ALL, INVALID, INVALID, TAGGED, INVALID, UNTAGGED)
    assert [ListTags(), TagContacts("bad", (ID,)), TagContacts("bad"), TagContacts("s: c", (ID,))] == calls[:4]
    assert [UntagContact(ID, "a"), UntagContact(ID, "b")] == calls[4:]
    assert Tagged(any=True, refused=frozenset({"bad"}), kept=frozenset({PREFIX})) == tagged
    assert [(ENTRY, "tag_refused")] * 2 == desk.tagging.trims(wanted, tagged)
    assert [(ENTRY, "tag_refused")] == desk.tagging.trims(change("BAD"), tagged)
    assert [] == desk.tagging.trims(change("other"), tagged)


def test_names_when_they_cannot_be_asked_for_then_nobody_holds_up_the_others() -> None:
    """The question is made again for the next one."""
    desk = Desk()
    steps = desk.tagging.settle(bearing("a"), change("s: a"))
    assert [Acquire(desk.tagging), ListTags()] == [next(steps), next(steps)]
    assert Release(desk.tagging) == steps.throw(UndeliverableError(rejected(UNDELIVERABLE)))
    with pytest.raises(UndeliverableError):
        next(steps)
    assert [ListTags()] == desk.settle(bearing("a"), change("s: a"), ALL)[1]


# ---------------------------------------------------------------- records that contradict each other


def hear(desk: Desk, *changes: ContactChange) -> list[str]:
    """Hear changes, each by itself; return what there is to say."""
    for each in changes:
        desk.tagging.hear(each)
    return [note.text for note in desk.notes.take()]


def test_records_that_name_the_same_tags_contradict_nobody() -> None:
    """In any order; records without a list say nothing."""
    said = hear(Desk(), replacing("s: a", "S: B"), change("s: c"), replacing("s: b", "s: A", "other"), change())
    assert [] == said


def test_record_that_names_other_tags_than_an_earlier_one_is_warned_of_once_and_takes_nothing_off() -> None:
    """Nor does any later one of that person; another person's do."""
    desk = Desk()
    said = hear(desk, replacing("s: a"), replacing("s: b"), replacing(key="other"), replacing("s: a", key="other"))
    assert 1 == len(said)
    assert said[0].startswith(f"{PLACE}: records of one person name different tags")
    assert (NOTHING_TAGGED, [ListTags()]) == desk.settle(bearing("b"), replacing("s: b"), ALL)
    assert (NOTHING_TAGGED, []) == desk.settle(bearing("b"), replacing())
    third = desk.settle(bearing("b", contact_id="third"), replacing(key="third"), UNTAGGED)
    assert [UntagContact("third", "b")] == third[1]
    assert [] == hear(desk, replacing("s: a"))


def test_records_that_are_merged_when_they_contradict_each_other_then_nothing_is_taken_off() -> None:
    """Nor by each of them alone, if they go so after all."""
    desk = Desk()
    one, other = replacing("s: a"), replacing("s: b")
    assert 1 == len(hear(desk, merge([one, other])))
    for each in (one, other):
        assert UntagContact not in {
            type(call) for call in desk.settle(bearing("a", "b"), each, *[ALL] * (each is one))[1]
        }


@given(st.lists(st.one_of(st.none(), st.sets(st.sampled_from(["s: a", "s: b", "S: A"]))), min_size=1, max_size=5))
def test_merged_records_name_all_their_tags_and_take_off_only_where_they_agree(lists: list[set[str] | None]) -> None:
    """Whatever their order."""
    changes = [change("x") if listed is None else replacing(*sorted(listed)) for listed in lists]
    merged = merge(changes)
    folded = {frozenset(map(str.casefold, listed)) for listed in lists if listed is not None}
    assert {name for each in changes for name in each.tags} == set(merged.tags)
    expected: dict[str, Any] = {PREFIX: next(iter(folded)) if len(folded) == 1 else None} if folded else {}
    assert expected == dict(merged.lists)
