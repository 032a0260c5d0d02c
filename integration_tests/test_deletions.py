"""People who leave: deleted rows in, and who is still in Intercom out, through the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError
from destination_intercom.pipeline import Terminated
from integration_tests.support.contacts import ADDRESS, MAIL, A, B, Place, counts, person, steps, user, users
from integration_tests.support.harness import Result, ScriptedStdin, catalog, config, record, state, to_lines, write

LOGGED = "2026-01-31T12:05:06Z"
MARKED: dict[str, Any] = {"streams": [{"stream": "users", "deleted_property": "gone"}]}
ARCHIVE, DELETE = {"deleted_records": "archive"}, {"deleted_records": "delete"}
BOTH = pytest.mark.parametrize("how", ["archive", "delete"])
TAKEN = {"archive": ["GET A", "archive A"], "delete": ["GET A", "DELETE A"]}
"""The calls that take away the contact A."""

ADA = person(external_id="u1", email=ADDRESS, name="Ada")


def tombstone(key: str = "u1", **data: Any) -> dict[str, Any]:
    """A row of a log that tells of a deletion, with the key alone."""
    return user(key, _ab_cdc_deleted_at=LOGGED, **data)


def marked(key: str = "u1", **data: Any) -> dict[str, Any]:
    """A row of a table that marks it as deleted."""
    return user(key, gone=True, **data)


def place(*contacts: dict[str, Any], **settings: Any) -> Place:
    """An Intercom with these contacts."""
    made = Place(**settings)
    made.intercom.seed({"contacts": list(contacts or [ADA])})
    return made


def flags(result: Result, contact_id: str = A) -> str:
    """Whether a contact is there, archived or deleted."""
    (contact,) = [each for each in result.contents["contacts"] if each["id"] == contact_id]
    return "deleted" if contact["deleted"] else "archived" if contact["archived"] else "there"


def people(result: Result) -> list[tuple[str, str]]:
    """Who is there, with the name."""
    contacts = result.contents["contacts"]
    return [(each["external_id"], each["name"]) for each in contacts if not (each["archived"] or each["deleted"])]


def outcomes(result: Result) -> str:
    """The summary of the stream of users."""
    (text,) = [text for text in result.logs if text.startswith('Stream "users": read')]
    return text


@BOTH
def test_tombstone_with_its_key_alone_when_its_person_is_there_takes_them_away(how: str) -> None:
    """One look-up, one read, one call; nothing else of the row is looked at."""
    result = place().write(tombstone(), configuration=users(deleted_records=how))
    assert result.error is None
    assert {"archive": "archived", "delete": "deleted"}[how] == flags(result)
    assert ["search external_id", *TAKEN[how]] == steps(result)
    assert (1, 0) == counts(result)
    assert "contacts delivered 1" in outcomes(result)
    assert result.logged(f"People whose rows were deleted: 1 {how}d.")
    assert result.logged(f"deleted_records {how} (at most 1000)")


def test_deleted_rows_when_nothing_is_said_are_filtered_as_ever() -> None:
    """The default takes nobody away."""
    result = place().write(tombstone(), marked(), configuration=users(**MARKED))
    assert ("there", []) == (flags(result), steps(result))
    assert "filtered 2 (deleted 2)" in outcomes(result)
    assert not result.logged("People whose rows were deleted")


@pytest.mark.parametrize(
    ("row", "gone"),
    [
        (tombstone(), True),
        (tombstone(country=None), True),
        (tombstone(country=" "), True),
        (tombstone(country="NL"), True),
        (tombstone(country="BE"), False),
        (marked(), False),
        (marked(country="NL"), True),
    ],
)
def test_filter_of_a_tombstone_is_judged_by_what_the_row_has(row: dict[str, Any], gone: bool) -> None:
    """A log may keep the key alone, or all of the row; a mark stands in a whole row."""
    filters = [{"property": "country", "operator": "is", "values": ["NL"]}]
    result = place().write(row, configuration=users(**MARKED, **ARCHIVE, filters=filters))
    assert ("archived" if gone else "there") == flags(result)
    assert ("filtered 0" if gone else "filtered 1 (filtered 1)") in outcomes(result)


@pytest.mark.parametrize(("missing", "expected"), [("filter", "anonymous 1"), ("reject", "missing_identity 1")])
def test_tombstone_without_an_identity_is_nobodys(missing: str, expected: str) -> None:
    """As any other row."""
    configuration = users(**ARCHIVE, identity={"property": "user_id", "missing": missing})
    result = place().write(record("users", id=7, user_id=None, _ab_cdc_deleted_at=LOGGED), configuration=configuration)
    assert expected in outcomes(result)
    assert "there" == flags(result)


@pytest.mark.parametrize("alone", [False, True])
@BOTH
def test_log_of_one_person_takes_effect_in_its_order(how: str, alone: bool) -> None:
    """Update, deletion, new row: in one batch, and one after the other. Archived, the contact is the old one."""
    rows = [user(name="New"), tombstone(), user(name="Back")]
    where = place(deleted_conflict=20.0)
    configuration = users("name", deleted_records=how)
    if alone:
        result = where.write_at(*((5.0 * at, [row]) for at, row in enumerate(rows)), configuration=configuration)
    else:
        result = where.write(*rows, configuration=configuration)
    assert result.error is None
    assert [("u1", "Back")] == people(result)
    assert (3, 0) == counts(result)
    begin, made = ["PUT A", *TAKEN[how]], [each for each in steps(result) if "search" not in each]
    if how == "archive":
        assert [*begin, "GET A", "unarchive A", "GET A", "PUT A"] == made
    else:
        assert begin == made[: len(begin)]
        assert "deleted" == flags(result)
        # The conflict that the deleted contact leaves behind was waited for.
        assert "POST contacts" == made[-1]
        assert 2 < made.count("POST contacts") < 8


def test_log_that_ends_with_a_deletion_leaves_nobody() -> None:
    """New, deleted, new, deleted: of somebody whom the search never shows."""
    result = place(ADA).write(
        user("n", name="New"), tombstone("n"), user("n", name="Newer"), tombstone("n"), configuration=users(**ARCHIVE)
    )
    assert [("u1", "Ada")] == people(result)
    assert (4, 0) == counts(result)
    assert ["POST contacts", "GET +", "archive +", "GET +", "unarchive +"] == [
        each for each in steps(result) if "search" not in each
    ][:5]
    assert result.logged("People whose rows were deleted: 2 archived.")


def test_conflict_of_somebody_deleted_in_this_run_when_it_stays_is_given_up_after_a_minute() -> None:
    """The record is rejected for the ordinary reason, and nothing else is held up."""
    where = place()
    began = where.clock.now()
    result = where.write(tombstone(), user(name="Back"), user("other", name="O"), configuration=users(**DELETE))
    assert "contact_archived 1" in outcomes(result)
    assert [("other", "O")] == people(result)
    assert 60.0 <= where.clock.now() - began < 90.0


@BOTH
@pytest.mark.parametrize("order", ["live first", "mark first"])
def test_mark_when_the_person_has_a_live_row_takes_nobody_away(how: str, order: str) -> None:
    """A soft-delete table with two rows of one address: whichever comes first, in one batch."""
    rows = [user(ADDRESS, name="Ada L."), marked(ADDRESS)]
    result = place().write(
        *(rows if order == "live first" else reversed(rows)),
        configuration=users("name", **MARKED, **MAIL, deleted_records=how),
    )
    assert [("u1", "Ada L.")] == people(result)
    assert ["search email", "PUT A"] == steps(result)
    assert "filtered 1 (deleted 1)" in outcomes(result)
    assert result.logged("1 kept for a live row")


def test_live_row_when_it_comes_after_the_mark_was_carried_out_brings_the_person_back() -> None:
    """Whatever `archived_contacts` says: it was this run that archived them."""
    result = place().write_at(
        (0.0, [marked(ADDRESS)]),
        (30.0, [user(ADDRESS, name="Ada")]),
        (60.0, [marked(ADDRESS)]),
        configuration=users("name", **MARKED, **MAIL, **ARCHIVE, archived_contacts="reject"),
    )
    assert [("u1", "Ada")] == people(result)
    assert ["search email", "GET A", "archive A", "search email", "GET A", "unarchive A", "GET A"] == steps(result)
    assert (3, 0) == counts(result)
    assert "delivered 2, filtered 1 (deleted 1)" in outcomes(result)


def test_live_row_of_a_person_named_by_the_address_keeps_whom_a_mark_names_by_the_user_id() -> None:
    """Two streams name one person each in its own way; the contact that is read tells."""
    streams = [{"stream": "users", "deleted_property": "gone"}, {"stream": "leads", "intercom_field": "email"}]
    result = place().write(
        record("leads", user_id=ADDRESS, name="Ada L."),
        marked(),
        configuration=users("name", **ARCHIVE, streams=streams),
    )
    assert [("u1", "Ada L.")] == people(result)
    assert "archive A" not in steps(result)


@BOTH
def test_person_whom_the_search_shows_under_an_old_identity_is_left_alone(how: str) -> None:
    """They have become somebody else a moment ago, who has not left; the User ID is then asked for by itself."""
    where = place()
    where.call("PUT", f"/contacts/{A}", {"external_id": "u9"})
    result = where.write(tombstone("u1"), configuration=users(deleted_records=how))
    assert [("u9", "Ada")] == people(result)
    assert ["search external_id", "GET A", "find"] == steps(result, since=1)
    assert "unchanged 1" in outcomes(result)


def test_person_who_has_taken_over_the_identity_goes_in_the_place_of_the_one_whom_the_search_shows() -> None:
    """The User ID is theirs now, and the row is about the User ID."""
    where = place(ADA, person(B, external_id="u2", name="Bob"))
    where.call("PUT", f"/contacts/{A}", {"external_id": "u9"})
    where.call("PUT", f"/contacts/{B}", {"external_id": "u1"})
    result = where.write(tombstone("u1"), configuration=users(**ARCHIVE))
    assert ("there", "archived") == (flags(result, A), flags(result, B))
    assert ["search external_id", "GET A", "find", "GET B", "archive B"] == steps(result, since=2)


def test_person_by_address_who_has_given_it_up_is_left_alone() -> None:
    """Nobody but the search knows addresses, and it lags."""
    where = place()
    where.call("PUT", f"/contacts/{A}", {"email": "new@example.com"})
    result = where.write(tombstone(ADDRESS), configuration=users(**ARCHIVE, **MAIL))
    assert "there" == flags(result)
    assert ["search email", "GET A"] == steps(result, since=1)


def test_person_whom_the_search_does_not_show_yet_is_found_by_the_user_id() -> None:
    """Made a moment ago by somebody else."""
    where = place()
    made = where.call("POST", "/contacts", {"external_id": "young", "name": "Y"})
    result = where.write(tombstone("young"), configuration=users(**ARCHIVE))
    assert "archived" == flags(result, made["id"])
    assert ["search external_id", "find", "GET +", "archive +"] == steps(result, since=1)


@pytest.mark.parametrize(
    "contact",
    [
        pytest.param({}, id="unknown"),
        pytest.param({"archived": True}, id="archived"),
        pytest.param({"deleted": True}, id="deleted"),
        pytest.param({"merged_into": B}, id="merged"),
    ],
)
@BOTH
def test_person_who_is_not_there_is_unchanged(how: str, contact: dict[str, Any]) -> None:
    """So is one who was archived already, with `delete` too: Intercom does not show them."""
    seeded = [person(B, external_id="u2", name="Bob"), *([{**ADA, **contact}] if contact else [])]
    result = place(*seeded).write(tombstone(), configuration=users(deleted_records=how))
    assert [("u2", "Bob")] == [each for each in people(result) if each[0] != "u1" or not contact.get("merged_into")]
    assert ["search external_id", "find"] == steps(result)
    assert "unchanged 1" in outcomes(result)
    assert result.logged(f"People whose rows were deleted: 0 {how}d, 1 not in Intercom.")


def test_user_id_that_would_be_a_folder_in_a_path_is_searched_for() -> None:
    """`..` is asked for by no path."""
    result = place(person(external_id="..", name="Dots")).write(tombstone(".."), configuration=users(**ARCHIVE))
    assert "archived" == flags(result)
    result = place().write(tombstone(".."), configuration=users(**ARCHIVE))
    assert ["search external_id"] * 2 == steps(result)


def test_several_people_with_one_address_are_not_guessed_among() -> None:
    """Nobody is taken away."""
    contacts = [person(A, external_id="u1", email=ADDRESS), person(B, external_id="u2", email=ADDRESS)]
    result = place(*contacts).write(tombstone(ADDRESS), configuration=users(**DELETE, **MAIL))
    assert "ambiguous_email 1" in outcomes(result)
    assert ("there", "there") == (flags(result, A), flags(result, B))


@BOTH
def test_lead_when_the_identity_is_the_address_is_the_person(how: str) -> None:
    """As an update would be written to them; not where people are known by a User ID."""
    lead = person(role="lead", external_id="made-up", email=ADDRESS)
    result = place(lead).write(tombstone(ADDRESS), configuration=users(**MAIL, deleted_records=how))
    assert ["search email", *TAKEN[how]] == steps(result)
    result = place(lead).write(tombstone("made-up"), configuration=users(deleted_records=how))
    assert "there" == flags(result)


def test_lead_when_brought_back_is_the_old_one() -> None:
    """No second contact is made beside the archived lead."""
    lead = person(role="lead", external_id="made-up", email=ADDRESS, name="Lea")
    result = place(lead).write(tombstone(ADDRESS), user(ADDRESS, name="Lea"), configuration=users(**MAIL, **ARCHIVE))
    assert [("made-up", "Lea")] == people(result)
    assert ["unarchive A", "GET A"] == steps(result)[-2:]


@BOTH
def test_person_by_address_whose_lookup_failed_is_looked_for_again(how: str) -> None:
    """Two answers of 500 leave the address out of the lookup, which says nothing of the person."""
    faults = [{"endpoint": "POST /contacts/search", "kind": "status", "status": 500, "first": 2}]
    result = place(ADA, faults=faults).write(tombstone(ADDRESS), configuration=users(deleted_records=how, **MAIL))
    assert "there" != flags(result)
    assert result.logged(f"People whose rows were deleted: 1 {how}d.")


@BOTH
def test_person_whom_this_run_has_made_by_the_user_id_is_found_by_the_address(how: str) -> None:
    """Though the search does not show them for minutes."""
    streams = [{"stream": "users"}, {"stream": "mails", "identity_property": "mail", "intercom_field": "email"}]
    result = place(person(B)).write_at(
        (0.0, [user("u1", email=ADDRESS, name="Ada")]),
        (30.0, [record("mails", mail=ADDRESS, _ab_cdc_deleted_at=LOGGED)]),
        configuration=users(streams=streams, deleted_records=how),
    )
    assert [] == [each for each in people(result) if each[0] == "u1"]
    assert result.logged(f"People whose rows were deleted: 1 {how}d.")


@pytest.mark.parametrize("apart", [0.0, 5.0])
def test_lead_of_whom_nobody_knows_whether_it_was_made_when_it_leaves_is_uncertain(apart: float) -> None:
    """It would stay for ever if the deletion counted as unchanged."""
    faults = [{"endpoint": "POST /contacts", "kind": "reset_after", "first": 1}]
    made = place(person(B), search_lag=900.0, faults=faults)
    document = users("name", **ARCHIVE, **MAIL, create_as="lead")
    result = made.write_at((0.0, [user(ADDRESS, name="Ada")]), (apart, [tombstone(ADDRESS)]), configuration=document)
    assert "rejected 2 (uncertain 2)" in outcomes(result)
    later = made.write_at((900.0, [tombstone(ADDRESS)]), configuration=document)
    assert later.logged("People whose rows were deleted: 1 archived.")


def test_person_who_is_restored_as_they_are_is_delivered() -> None:
    """Intercom had them in the archive, which is not what the row says."""
    made = place(search_lag=0.0)
    made.call("POST", f"/contacts/{A}/archive", {})
    result = made.write(user(name="Ada"), configuration=users("name", archived_contacts="unarchive"))
    assert "there" == flags(result)
    assert "contacts delivered 1" in outcomes(result)
    again = made.write(user(name="Ada"), configuration=users("name", archived_contacts="unarchive"))
    assert "contacts unchanged 1" in outcomes(again)


@pytest.mark.parametrize("mode", ["upsert", "update_only"])
@pytest.mark.parametrize("create_as", ["user", "lead"])
@pytest.mark.parametrize("apart", [0.0, 5.0])
def test_person_whose_deletion_comes_twice_when_they_have_a_row_again_is_the_old_one(
    mode: str, create_as: str, apart: float
) -> None:
    """The second deletion finds nobody, which says nothing new of who has left."""
    document = users("name", **ARCHIVE, **MAIL, write_mode=mode, create_as=create_as)
    rows = [tombstone(ADDRESS), tombstone(ADDRESS), user(ADDRESS, name="Ada")]
    result = place(person(email=ADDRESS, name="Ada", role=create_as)).write_at(
        *((apart * number, [row]) for number, row in enumerate(rows)), configuration=document
    )
    assert ["there"] == [flags(result, each["id"]) for each in result.contents["contacts"]]
    assert "contacts delivered 2, contacts unchanged 1" in outcomes(result)
    assert "unarchive A" in steps(result)


@BOTH
def test_deletions_of_many_cost_a_search_for_150_of_them_and_two_calls_each(how: str) -> None:
    """And one for each who is not found."""
    contacts = [person(f"{number:024d}", external_id=f"u{number}") for number in range(1, 301)]
    rows = [tombstone(f"u{number}") for number in range(1, 306)]
    result = place(*contacts).write(*rows, configuration=users(deleted_records=how))
    assert (305, 0) == counts(result)
    taking = "POST /contacts/{id}/archive" if how == "archive" else "DELETE /contacts/{id}"
    find = "GET /contacts/find_by_external_id/{external_id}"
    assert {"POST /contacts/search": 3, "GET /contacts/{id}": 300, taking: 300, find: 5}.items() <= result.calls.items()
    assert 608 + 1 == sum(result.calls.values())


@BOTH
def test_lead_of_this_run_when_it_leaves_and_comes_again_is_one_lead(how: str) -> None:
    """The one that was archived, or a new one; nobody waits for the one that is gone to be seen."""
    where = place(ADA)
    began = where.clock.now()
    result = where.write(
        user("lea@example.com", name="Lea"),
        tombstone("lea@example.com"),
        user("lea@example.com", name="Lea again"),
        configuration=users("name", **MAIL, create_as="lead", deleted_records=how),
    )
    leads = [each for each in result.contents["contacts"] if each["role"] == "lead"]
    assert (1 if how == "archive" else 2) == len(leads)
    assert ["Lea again"] == [each["name"] for each in leads if not (each["archived"] or each["deleted"])]
    assert (3, 0) == counts(result)
    assert where.clock.now() - began < 1.0


@pytest.mark.parametrize("most", [2, 0])
@BOTH
def test_deletions_beyond_the_limit_are_rejected_and_the_sync_ends_as_an_error(how: str, most: int) -> None:
    """After all else is done and all states have left; the message names the number and the cure."""
    contacts = [person(f"{number:024d}", external_id=f"u{number}", name="N") for number in range(1, 7)]
    rows = [tombstone(f"u{number}") for number in range(1, 6)]
    result = place(*contacts).write(
        *rows,
        tombstone("nobody"),
        user("u6", name="New"),
        configuration=users("name", deleted_records=how, delivery={"max_deletions": most}),
    )
    assert isinstance(result.error, ConfigurationError)
    assert f"allows: {most} in a sync" in result.error.message
    assert f"too_many_deletions: {5 - most}." in result.error.message
    assert "raise delivery.max_deletions" in result.error.message
    assert 6 - most == len(people(result))
    assert ("u6", "New") in people(result)
    assert (2 + most, 5 - most) == counts(result)
    assert f"too_many_deletions {5 - most}" in outcomes(result)
    assert result.logged(f"{most} {how}d, 1 not in Intercom, {5 - most} beyond delivery.max_deletions")


def test_deletions_beyond_the_limit_say_nothing_of_the_mapping() -> None:
    """A table that was emptied by mistake ends the sync for what it is, with its states, and not as a bad mapping."""
    contacts = [person(f"{number:024d}", external_id=f"u{number}") for number in range(5)]
    result = place(*contacts).write(
        *(tombstone(f"u{number}") for number in range(5)),
        configuration=users(**ARCHIVE, delivery={"max_deletions": 0, "stop_after_rejected": 3}),
    )
    assert result.error is not None
    assert "max_deletions" in result.error.message
    assert (0, 5) == counts(result)


def test_deletions_beyond_the_limit_do_not_hide_that_too_much_was_rejected() -> None:
    """The sync ends with one error of the two, and its log tells the other: else the next sync would be the first to."""
    result = place(ADA).write(
        tombstone(), configuration=users(**ARCHIVE, delivery={"max_deletions": 0, "max_rejected_percent": 5})
    )
    assert result.error is not None
    assert "max_deletions" in result.error.message
    assert result.logged("delivery.max_rejected_percent allows: 1 of 1 that were not filtered (limit: 5%)")


def test_deletions_up_to_the_limit_are_no_error() -> None:
    """Who was not there, or there no more, does not count."""
    contacts = [person(A, external_id="u1"), person(B, external_id="u2")]
    rows = [tombstone("nobody"), tombstone("u1"), tombstone("u1"), tombstone("u2")]
    result = place(*contacts).write(*rows, configuration=users(**ARCHIVE, delivery={"max_deletions": 2}))
    assert result.error is None
    assert (4, 0) == counts(result)


def test_deletion_that_is_undeliverable_does_not_count() -> None:
    """Nobody has gone by it, so somebody else may."""
    faults = [{"endpoint": "POST /contacts/{id}/archive", "kind": "status", "status": 500, "matching": A}]
    made = place(ADA, person(B, external_id="u2"), faults=faults)
    document = users("name", **ARCHIVE, delivery={"max_deletions": 1})
    result = made.write_at((0.0, [tombstone()]), (700.0, [tombstone("u2")]), configuration=document)
    assert None is result.error
    assert ("there", "archived") == (flags(result, A), flags(result, B))
    assert "rejected 1 (undeliverable 1)" in outcomes(result)
    assert result.logged("People whose rows were deleted: 1 archived.")


def test_deletion_that_intercom_refuses_is_rejected_and_does_not_count() -> None:
    """The next one may have its place."""
    contacts = [person(A, external_id="u1"), person(B, external_id="u2")]
    fault = {"endpoint": "DELETE /contacts/{id}", "kind": "status", "status": 422, "at": [1]}
    result = place(*contacts, faults=[fault]).write(
        tombstone("u1"),
        tombstone("u2"),
        configuration=users(**DELETE, delivery={"max_deletions": 1, "concurrency": 1}),
    )
    assert result.error is None
    assert "refused 1" in outcomes(result)
    assert ("there", "deleted") == (flags(result, A), flags(result, B))


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
@BOTH
def test_deletion_whose_answer_was_lost_is_a_deletion(how: str, kind: str) -> None:
    """Repeated, it finds nobody, or somebody who is archived: it was the first attempt that took them away."""
    endpoint = "DELETE /contacts/{id}" if how == "delete" else "POST /contacts/{id}/archive"
    where = place(faults=[{"endpoint": endpoint, "kind": kind, "at": [1]}])
    result = where.write(tombstone(), user(name="Back"), configuration=users("name", deleted_records=how))
    assert "delivered 1" in outcomes(result) or "delivered 2" in outcomes(result)
    assert ("deleted" if how == "delete" else "there") == flags(result)
    assert result.logged(f"1 {how}d.")


def test_archive_that_is_answered_as_not_found_when_repeated_is_brought_back_all_the_same() -> None:
    """Nobody knows what the real Intercom answers then."""
    faults = [
        {"endpoint": "POST /contacts/{id}/archive", "kind": "reset_after", "at": [1]},
        {"endpoint": "POST /contacts/{id}/archive", "kind": "status", "status": 404, "code": "not_found", "at": [2]},
    ]
    result = place(faults=faults).write(tombstone(), user(name="Back"), configuration=users("name", **ARCHIVE))
    assert [("u1", "Back")] == people(result)
    assert (2, 0) == counts(result)


@pytest.mark.parametrize("mode", ["update_only", "create_only"])
@BOTH
def test_deleted_row_when_nobody_who_exists_is_touched_is_filtered(how: str, mode: str) -> None:
    """`create_only` says so, with a warning; `update_only` takes people away."""
    result = place().write(tombstone(), configuration=users(deleted_records=how, write_mode=mode))
    if mode == "create_only":
        assert ("there", []) == (flags(result), steps(result))
        assert "filtered 1 (deleted 1)" in outcomes(result)
    else:
        assert f"{how}d".replace("deleted", "deleted") == flags(result)
    assert (mode == "create_only") is result.logged("has no effect with users.write_mode create_only")


def test_person_brought_back_where_people_are_only_updated_is_the_old_one() -> None:
    """Nobody is created for it."""
    configuration = users("name", **ARCHIVE, write_mode="update_only")
    result = place().write(tombstone(), user(name="Back"), configuration=configuration)
    assert [("u1", "Back")] == people(result)


EVENTS: dict[str, Any] = config()["events"]


def event(second: int, key: str = "u1") -> dict[str, Any]:
    """An event of a person."""
    return record("events", user_id=key, name="did it", at=1_700_000_000 + second)


def with_events(section: dict[str, Any], **events: Any) -> dict[str, Any]:
    """A configuration of users, which sends events, too."""
    return {**section, "events": {**EVENTS, **events}}


@pytest.mark.parametrize("unknown", ["reject", "create"])
@BOTH
def test_events_of_a_person_who_leaves_are_sent_before_and_rejected_after(how: str, unknown: str) -> None:
    """Those before wait for nobody; those after make nobody anew, and wait no minute for one who is gone."""
    where = place(deleted_conflict=0.0)
    began = where.clock.now()
    result = where.write(
        *(event(second) for second in range(3)),
        tombstone(),
        *(event(second) for second in range(3, 6)),
        configuration=with_events(users(deleted_records=how), unknown_users=unknown),
    )
    assert [1_700_000_000 + second for second in range(3)] == sorted(each["created_at"] for each in result.events)
    assert {"archive": "archived", "delete": "deleted"}[how] == flags(result)
    assert [] == people(result)
    assert result.logged("unknown_user 3")
    assert where.clock.now() - began < 20.0


def test_events_of_a_person_by_address_who_leaves_are_rejected_though_the_search_shows_them() -> None:
    """It lags for minutes, in which each event would be tried for one."""
    where = place()
    began = where.clock.now()
    result = where.write(tombstone(ADDRESS), event(1, ADDRESS), configuration=with_events(users(**ARCHIVE, **MAIL)))
    assert result.logged("unknown_user 1")
    assert where.clock.now() - began < 20.0


def test_events_that_wait_for_their_person_do_so_beyond_a_deletion() -> None:
    """A deletion shows nobody: they come with the live row that follows."""
    result = place(ADA).write_at(
        (0.0, [event(1, "n")]),
        (10.0, [tombstone("n")]),
        (20.0, [user("n", name="New")]),
        configuration=with_events(users("name", **ARCHIVE)),
    )
    assert 1 == len(result.events)
    assert "rejected 0" in outcomes(result)
    assert result.calls["POST /events"] <= 3


def test_events_of_a_lead_who_has_left_are_not_sent_by_the_old_id() -> None:
    """The run forgets that a lead had the address."""
    lead = person(role="lead", external_id="made-up", email=ADDRESS, name="Lea")
    result = place(lead).write_at(
        (0.0, [user(ADDRESS, name="Lea"), event(1, ADDRESS)]),
        (10.0, [tombstone(ADDRESS)]),
        (20.0, [event(2, ADDRESS)]),
        configuration=with_events(users("name", **MAIL, **ARCHIVE)),
    )
    bodies = [each["request_body"] for each in result.exchanges if each["path"] == "/events"]
    assert {"id": A}.items() <= bodies[0].items()
    assert all("id" not in body for body in bodies[1:])
    assert result.logged("unknown_user 1")


def test_address_of_a_person_who_was_made_and_deleted_is_free_for_another_one() -> None:
    """What this run made with the address is not there any more."""
    result = place(ADA, deleted_conflict=0.0).write(
        user("n", email="n@example.com", name="N"),
        tombstone("n"),
        user("m", email="n@example.com", name="M"),
        configuration=users(**DELETE, delivery={"concurrency": 1}),
    )
    assert [("u1", "Ada"), ("m", "M")] == people(result)


def test_person_written_under_two_keys_when_taken_away_is_forgotten_under_both() -> None:
    """The other key's change brings them back, by the conflict that the archived contact is."""
    streams = [{"stream": "users"}, {"stream": "leads", "intercom_field": "email"}]
    result = place().write_at(
        (0.0, [record("leads", user_id=ADDRESS, name="Ada 1"), user(name="Ada 2")]),
        (10.0, [tombstone()]),
        (20.0, [record("leads", user_id=ADDRESS, name="Ada 3")]),
        configuration=users("name", **ARCHIVE, streams=streams),
    )
    assert [("u1", "Ada 3")] == people(result)


def test_sync_that_is_stopped_amid_deletions_goes_on_where_it_was() -> None:
    """Who is gone already is unchanged then."""
    contacts = [person(f"{number:024d}", external_id=f"u{number}", name="N") for number in range(1, 9)]
    where = place(*contacts, latency=1.0)
    mailbox = Mailbox(where.clock)
    rows = [each for number in range(1, 9) for each in (tombstone(f"u{number}"), state("users", number))]
    configuration = users(**ARCHIVE, delivery={"concurrency": 2})

    def stop() -> None:
        mailbox.stop("SIGTERM")

    pieces: list[tuple[float, bytes | Callable[[], None]]] = [(0.0, to_lines(rows)), (6.0, stop)]
    stopped = write(
        ScriptedStdin(where.clock, *pieces),
        intercom=where.intercom,
        clock=where.clock,
        mailbox=mailbox,
        configuration=configuration,
    )
    assert isinstance(stopped.error, Terminated)
    gone = 8 - len(people(stopped))
    assert 0 < gone < 8
    assert len(stopped.states) <= gone
    where.intercom.change_settings({"latency": 0.0})
    rest = rows[2 * len(stopped.states) :]
    again = write(
        ScriptedStdin(where.clock, (0.0, to_lines(rest))),
        intercom=where.intercom,
        clock=where.clock,
        configuration=configuration,
    )
    assert [] == people(again)
    assert 8 == len(stopped.states) + len(again.states)
    assert f"unchanged {gone - len(stopped.states)}" in outcomes(again) or gone == len(stopped.states)


@BOTH
def test_sync_that_was_killed_between_deletion_and_new_row_ends_the_same_when_run_again(how: str) -> None:
    """The person is gone already, by the attempt before: the new row of the log brings them back all the same."""
    gone = {"archived": True} if how == "archive" else {"deleted": True}
    result = place({**ADA, **gone}, deleted_conflict=0.0).write(
        tombstone(), user(name="Back"), configuration=users("name", deleted_records=how)
    )
    assert [("u1", "Back")] == people(result)
    assert (2, 0) == counts(result)


def test_deletions_in_a_dry_run_are_counted_and_not_made() -> None:
    """Apart from what would be written; who is archived again after a look is none."""
    contacts = [ADA, person(B, external_id="u2")]
    result = place(*contacts).write(
        tombstone(),
        user("u2", name="New"),
        tombstone("nobody"),
        configuration=users("name", **ARCHIVE, delivery={"dry_run": True}),
    )
    assert ("there", "there") == (flags(result, A), flags(result, B))
    assert result.logged("Dry run: 0 contacts would be created, 1 updated, 1 people would be archived, ")


@BOTH
@pytest.mark.parametrize("apart", [0.0, 5.0])
def test_dry_run_when_a_log_takes_people_away_then_it_counts_as_the_sync_does(how: str, apart: float) -> None:
    """Somebody new who leaves, somebody who leaves twice, and both of them once more with a row at the end."""
    log = [
        user("u1", name="Ada"),
        tombstone("u1"),
        tombstone("u1"),
        user("new", name="New"),
        tombstone("new"),
        tombstone("new"),
        user("back", name="Back"),
        tombstone("back"),
        user("back", name="Back again"),
    ]
    told = []
    for is_dry in (True, False):
        at = place(search_lag=0.0, deleted_conflict=0.0)
        pieces = [(apart * number, [row]) for number, row in enumerate(log)]
        result = at.write_at(*pieces, configuration=users("name", deleted_records=how, delivery={"dry_run": is_dry}))
        told.append([text.replace("would be ", "") for text in result.logs if "People whose rows" in text])
        told[-1].append(outcomes(result).replace("would be ", ""))
        if is_dry:
            assert result.logged(f"3 people would be {how}d")
    assert told[0] == told[1]


def test_dry_run_in_which_people_are_only_updated_finds_nobody_who_would_be_deleted() -> None:
    """Intercom has them still, by the User ID, too."""
    document = users("name", **DELETE, write_mode="update_only", delivery={"dry_run": True})
    result = place().write_at((0.0, [tombstone()]), (5.0, [user(name="New")]), configuration=document)
    assert result.logged("0 updated, 1 people would be deleted")
    assert "rejected 1 (not_found 1)" in outcomes(result)


@pytest.mark.parametrize("unknown", ["reject", "create"])
def test_events_after_a_deletion_in_a_dry_run_would_find_nobody(unknown: str) -> None:
    """Though the search shows the person, whom nothing has taken away."""
    document = with_events(users(**ARCHIVE, delivery={"dry_run": True}), unknown_users=unknown)
    result = place().write(event(1), tombstone(), event(2), configuration=document)
    assert result.logged("1 people would be archived, 1 events sent")
    assert result.logged("1 events would find nobody")


def test_dry_run_beyond_the_limit_ends_as_a_dry_run() -> None:
    """And says what would be rejected."""
    result = place().write(tombstone(), configuration=users(**DELETE, delivery={"dry_run": True, "max_deletions": 0}))
    assert result.error is not None
    assert "Dry run finished" in result.error.message
    assert result.logged("0 people would be deleted")
    assert result.logged("too_many_deletions")


@pytest.mark.parametrize(
    ("properties", "stream", "warned"),
    [
        ({"user_id": {}}, {}, True),
        ({"user_id": {}, "_ab_cdc_deleted_at": {}}, {}, False),
        ({"user_id": {}, "gone": {}}, {"deleted_property": "gone"}, False),
        ({}, {}, False),
    ],
)
def test_deletions_when_no_stream_can_tell_of_one_are_warned_of(
    properties: dict[str, Any], stream: dict[str, Any], warned: bool
) -> None:
    """As far as the schemas tell."""
    streams = catalog("users")
    streams["streams"][0]["stream"]["json_schema"] = {"properties": properties} if properties else {}
    result = place().write(
        user(), configuration=users(**ARCHIVE, streams=[{"stream": "users", **stream}]), configured_catalog=streams
    )
    assert warned is result.logged("archive will remove nobody")


def test_deleted_rows_of_events_and_companies_are_never_written() -> None:
    """Whatever is done with people."""
    document = with_events(users(**ARCHIVE))
    document["companies"] = {"mode": "enabled", "streams": [{"stream": "accounts", "company_id_property": "id"}]}
    result = place().write(
        record("events", user_id="u1", name="did it", at=1_700_000_000, _ab_cdc_deleted_at=LOGGED),
        record("accounts", id="c1", _ab_cdc_deleted_at=LOGGED),
        configuration=document,
    )
    assert ([], [], "there") == (result.events, result.contents["companies"], flags(result))
