"""Creating, updating, showing, archiving and deleting contacts."""

import re
from typing import Any

import pytest

from intercom_emulator.settings import NORMALIZED
from unit_tests.emulator.bench import START, Bench, code, decoded, good, refusal


def _exists(contact: dict[str, Any], which: str = "A") -> tuple[int, str, str]:
    return 409, "conflict", f"{which} contact matching those details already exists with id={contact['id']}"


def test_create_when_the_fields_are_good_then_shows_the_contact() -> None:
    """A user is created with what was sent; the email is kept trimmed and in lower case."""
    bench = Bench()
    ada = bench.create(
        external_id="42", email=" Ada@Example.com ", name="Ada", phone="+1", avatar="https://a.b/c.png",
        signed_up_at=5, last_seen_at=6, owner_id="991267459", unsubscribed_from_emails=True, email_verified=True,
    )  # fmt: skip
    expected = {
        "type": "contact", "role": "user", "external_id": "42", "email": "ada@example.com", "email_domain": "example.com",
        "name": "Ada", "phone": "+1", "avatar": {"type": "avatar", "image_url": "https://a.b/c.png"}, "signed_up_at": 5,
        "last_seen_at": 6, "owner_id": "991267459", "unsubscribed_from_emails": True, "custom_attributes": {},
        "created_at": int(START), "updated_at": int(START), "has_hard_bounced": False,
    }  # fmt: skip
    assert expected == {key: ada[key] for key in expected}
    assert re.fullmatch("[0-9a-f]{24}", ada["id"])
    assert ada == bench.get(f"/contacts/{ada['id']}")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "Ada"},
        {"external_id": None, "email": None},
        {"external_id": "", "email": ""},
        {"external_id": 42},
        {"external_id": "x" * 256},
        {"external_id": "1", "email": "no address"},
        {"external_id": "1", "email": ["a@b.co"]},
        {"external_id": "1", "role": "admin"},
        {"external_id": "1", "role": 1},
        {"external_id": "1", "name": 7},
        {"external_id": "1", "name": "x" * 256},
        {"external_id": "1", "phone": {}},
        {"external_id": "1", "avatar": "picture"},
        {"external_id": "1", "avatar": {"image_url": "https://a.b"}},
        {"external_id": "1", "signed_up_at": "2020-01-01"},
        {"external_id": "1", "signed_up_at": 1.5},
        {"external_id": "1", "signed_up_at": True},
        {"external_id": "1", "last_seen_at": 1_700_000_000_000},
        {"external_id": "1", "last_seen_at": -1},
        {"external_id": "1", "unsubscribed_from_emails": "yes"},
        {"external_id": "1", "email_verified": True},
        {"external_id": "1", "email": "a@b.co", "email_verified": "yes"},
        {"external_id": "1", "owner_id": 991267459},
        {"external_id": "1", "custom_attributes": ["plan"]},
    ],
    ids=str,
)
def test_create_when_a_field_is_wrong_then_400_and_nobody_is_created(fields: dict[str, Any]) -> None:
    """A user needs an identity, and every field its type and length; one wrong field refuses the whole."""
    bench = Bench()
    assert code(bench.ask("POST", "/contacts", fields)) == (400, "parameter_invalid")
    assert bench.intercom.dump()["contacts"] == []


UNUSUAL: list[tuple[str, object]] = [
    ("avatar", ""), ("avatar", "/me.png"), ("signed_up_at", -62_135_596_800), ("signed_up_at", 253_370_764_800),
    ("last_seen_at", -1), ("last_seen_at", 1_700_000_000_000),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [*UNUSUAL, ("owner_id", "1"), ("name", "Bad"), ("phone", 7)], ids=str)
@pytest.mark.parametrize("named", ["message", "field", "nothing"])
def test_refusal_of_a_field_when_so_set_then_names_it_in_the_message_or_in_the_envelope_or_nowhere(
    field: str, value: object, named: str
) -> None:
    """Where Intercom names a refused field is not known for all: a client must do with each way, and with none."""
    bench = Bench(refused_field=named, refused_names=["Bad"])
    ada = bench.create(external_id="1", name="Good")
    answer = bench.update(ada, **{"phone": "+1", field: value})
    [error] = decoded(answer)["errors"]
    assert (400, "parameter_invalid") == code(answer)
    assert (field.removesuffix("_id") in error["message"]) is (named == "message")
    assert error.get("field") == (field if named == "field" else None)
    assert ada == bench.get(f"/contacts/{ada['id']}")


@pytest.mark.parametrize(("field", "value"), UNUSUAL, ids=str)
def test_unusual_value_when_so_set_then_is_taken_as_it_is_and_searched(field: str, value: object) -> None:
    """Whether Intercom refuses a relative avatar, or the year 9999, is not known: a setting."""
    bench = Bench(unusual_values="take", timezone="Pacific/Kiritimati")
    ada = bench.create(external_id="1", **{field: value})
    assert ada[field] == ({"type": "avatar", "image_url": value} if field == "avatar" else value)
    if field != "avatar":
        assert [] == bench.found(field, "=", int(START))


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("phone", " +1 555 01\t00 ", "+15550100"),
        ("name", " Ada  L ", "Ada  L"),
        (
            "avatar",
            "https://a.b/c.png",
            "https://static.intercomassets.com/avatars/0f609c65-063c-59fb-8621-8d895f3137fc",
        ),
        ("custom_attributes", {"plan": " pro ", "seats": 5}, {"plan": "pro", "seats": 5}),
    ],
)
def test_field_when_it_is_normalized_then_comes_back_otherwise_than_it_was_sent(
    field: str, sent: object, kept: object
) -> None:
    """A phone loses its blanks, a text is trimmed, an avatar moves to Intercom's own host; where not set, nothing."""

    def shown(bench: Bench) -> object:
        bench.attribute("plan")
        bench.attribute("seats", "integer")
        ada = bench.create(external_id="1", **{field: sent})
        assert ada == good(bench.update(ada, **{field: sent}))
        return ada[field]["image_url"] if field == "avatar" else ada[field]

    assert kept == shown(Bench(normalized_fields=[field]))
    assert sent == shown(Bench(normalized_fields=[each for each in NORMALIZED if each != field]))


@pytest.mark.parametrize(("last_seen_back", "expected"), [("take", [50, 70, None]), ("ignore", [60, 70, None])])
def test_last_seen_when_it_is_moved_back_then_by_the_setting(last_seen_back: str, expected: list[int | None]) -> None:
    """Whether a person can be made to have been seen earlier is not known; forward and away always work."""
    bench = Bench(last_seen_back=last_seen_back)
    ada = bench.create(external_id="1", last_seen_at=60)
    assert expected == [good(bench.update(ada, last_seen_at=second))["last_seen_at"] for second in (50, 70, None)]


def test_owner_when_no_teammate_then_400() -> None:
    """Only a member of the workspace owns a contact."""
    bench = Bench(admins=["7"])
    expected = (400, "parameter_invalid", "The owner specified is not a member of the workspace")
    assert expected == refusal(bench.ask("POST", "/contacts", {"external_id": "1", "owner_id": "991267459"}))
    assert bench.create(external_id="1", owner_id="7")["owner_id"] == "7"


def test_owner_when_the_version_is_older_then_is_a_number() -> None:
    """Before 2.16 owner_id is a number, going and coming."""
    body = {"external_id": "1", "owner_id": 991267459}
    assert good(Bench().ask("POST", "/contacts", body, Intercom_Version="2.15"))["owner_id"] == 991267459


@pytest.mark.parametrize(("version", "expected"), [("2.16", None), ("Preview", "de")])
def test_language_when_sent_then_is_kept_in_preview_only(version: str, expected: str | None) -> None:
    """language_override is writable in Preview; elsewhere it is passed over."""
    body = {"external_id": "1", "language_override": "de"}
    assert expected == good(Bench().ask("POST", "/contacts", body, Intercom_Version=version))["language_override"]


def test_lead_when_created_then_never_conflicts_and_has_a_uuid() -> None:
    """A lead's external_id is Intercom's own, and a second try makes a second lead."""
    bench = Bench()
    bench.create(external_id="42", email="ada@example.com")
    leads = [bench.create(role="lead", external_id="42", email="ada@example.com") for _ in range(2)]
    assert 2 == len({each["id"] for each in leads})
    assert all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each["external_id"]) for each in leads)
    assert "user" == bench.create(email="lead@example.com")["role"]


@pytest.mark.parametrize("fields", [{"external_id": "42"}, {"email": "ADA@example.com"}], ids=str)
def test_create_when_the_identity_exists_then_409_with_the_id(fields: dict[str, str]) -> None:
    """A known external_id, or an email alone, is a double."""
    bench = Bench()
    ada = bench.create(external_id="42", email="ada@example.com")
    assert _exists(ada) == refusal(bench.ask("POST", "/contacts", fields))


@pytest.mark.parametrize("state", [{"archived": True}, {"deleted": True}, {"merged_into": "y"}], ids=str)
def test_create_when_the_double_is_gone_then_409_still(state: dict[str, Any]) -> None:
    """Archived, deleted and merged people block their re-creation."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"id": "x", "external_id": "42", "email": "a@b.co", **state}]})
    for fields in ({"external_id": "42"}, {"email": "a@b.co"}):
        assert _exists({"id": "x"}, "An archived") == refusal(bench.ask("POST", "/contacts", fields))


@pytest.mark.parametrize("identity", [{"external_id": "42"}, {"email": "a@b.co"}], ids=str)
@pytest.mark.parametrize("by_update", [False, True])
def test_identity_of_a_deleted_contact_when_the_conflict_has_lingered_then_is_free(
    identity: dict[str, str], by_update: bool
) -> None:
    """For a while after the deletion a create, or an update, meets 409; an archived contact's conflict never ends."""
    bench = Bench(deleted_conflict=60.0)
    deleted, archived = bench.create(**identity), bench.create(external_id="43")
    other = bench.create(external_id="44")
    good(bench.ask("DELETE", f"/contacts/{deleted['id']}"))
    good(bench.ask("POST", f"/contacts/{archived['id']}/archive"))
    bench.now += 59.9
    assert _exists(deleted, "An archived") == refusal(bench.ask("POST", "/contacts", identity))
    assert _exists(deleted, "An archived") == refusal(bench.update(other, **identity))
    bench.now += 0.1
    taken = good(bench.update(other, **identity)) if by_update else bench.create(**identity)
    assert identity.items() <= taken.items()
    assert deleted["id"] != taken["id"]
    assert _exists(archived, "An archived") == refusal(bench.ask("POST", "/contacts", {"external_id": "43"}))


def test_create_when_only_the_email_is_known_then_by_the_setting() -> None:
    """A new external_id with another's email: 409 with that person's id, or a second person."""
    bench = Bench(create_with_known_email="conflict")
    ada = bench.create(external_id="42", email="ada@example.com")
    fields = {"external_id": "43", "email": "ada@example.com"}
    assert _exists(ada) == refusal(bench.ask("POST", "/contacts", fields))
    bench.intercom.change_settings({"create_with_known_email": "second"})
    assert ada["id"] != bench.create(**fields)["id"]
    assert _exists(ada) == refusal(bench.ask("POST", "/contacts", {"email": "ada@example.com"}))
    assert _exists(ada) == refusal(bench.ask("POST", "/contacts", {**fields, "external_id": "42"}))


def test_update_when_some_fields_are_sent_then_keeps_the_others() -> None:
    """An update changes what it names, and the time."""
    bench = Bench()
    ada = bench.create(external_id="42", email="ada@example.com", name="Ada", phone="+1")
    bench.now += 7
    changed = good(bench.update(ada, name="Ada L"))
    assert ada | {"name": "Ada L", "updated_at": ada["updated_at"] + 7} == changed
    assert changed == bench.get(f"/contacts/{ada['id']}")


def test_update_when_null_is_sent_then_clears_as_recorded() -> None:
    """name, phone and custom attributes are cleared, email becomes empty text, external_id stays."""
    bench = Bench()
    bench.attribute("plan")
    bench.attribute("never")
    ada = bench.create(
        external_id="42",
        email="ada@example.com",
        name="Ada",
        phone="+1",
        custom_attributes={"plan": "pro", "never": None},
    )
    assert ada["custom_attributes"] == {"plan": "pro"}
    custom = {"plan": None, "never": None}
    changed = good(bench.update(ada, external_id=None, email=None, name=None, phone=None, custom_attributes=custom))
    expected = {"external_id": "42", "email": "", "name": None, "phone": None, "custom_attributes": {"plan": None}}
    assert expected == {key: changed[key] for key in expected}


@pytest.mark.parametrize(
    "fields", [{"name": 7}, {"role": "x"}, {"email": "x"}, {"owner_id": "1"}, {"signed_up_at": "x"}]
)
def test_update_when_a_field_is_wrong_then_400_and_nothing_changes(fields: dict[str, Any]) -> None:
    """One wrong field refuses the whole update."""
    bench = Bench()
    ada = bench.create(external_id="42", name="Ada")
    assert code(bench.update(ada, **{"phone": "+1", **fields})) == (400, "parameter_invalid")
    assert ada == bench.get(f"/contacts/{ada['id']}")


def test_update_when_it_takes_anothers_identity_then_409() -> None:
    """external_id and email of another user, gone ones too, are refused; one's own are not."""
    bench = Bench()
    ada, bob = bench.create(external_id="1", email="a@b.co"), bench.create(external_id="2", email="b@b.co")
    assert _exists(bob) == refusal(bench.update(ada, external_id="2"))
    assert _exists(bob) == refusal(bench.update(ada, email="B@b.co"))
    assert bench.update(ada, external_id="1", email="a@b.co").status == 200
    bench.ask("POST", f"/contacts/{bob['id']}/archive")
    assert _exists(bob, "An archived") == refusal(bench.update(ada, external_id="2"))


@pytest.mark.parametrize(
    ("settings", "version", "expected"),
    [
        ({}, "2.16", [409, 409, 409]),
        ({"update_with_known_email": "take"}, "2.16", [200, 409, 409]),
        ({"update_with_archived_identity": "take"}, "2.16", [409, 200, 200]),
        ({}, "2.4", [409, 409, 409]),
        ({}, "2.3", [200, 200, 200]),
    ],
    ids=str,
)
def test_update_when_it_takes_what_another_has_then_by_the_setting_and_the_version(
    settings: dict[str, Any], version: str, expected: list[int]
) -> None:
    """A live user's email, an archived one's identity: 2.3 was recorded to take both, 2.4 is documented to refuse."""
    bench = Bench(**settings)
    ada = bench.create(external_id="1")
    bench.create(external_id="2", email="live@b.co")
    bench.intercom.seed({"contacts": [{"id": "gone", "external_id": "3", "email": "gone@b.co", "archived": True}]})
    taken: list[dict[str, str]] = [{"email": "live@b.co"}, {"email": "gone@b.co"}, {"external_id": "3"}]
    answers = [bench.ask("PUT", f"/contacts/{ada['id']}", body, Intercom_Version=version) for body in taken]
    assert expected == [each.status for each in answers]
    kept = bench.get(f"/contacts/{ada['id']}")
    for body, answer in zip(taken, answers, strict=True):
        if answer.status == 200:
            assert decoded(answer).items() >= body.items()
        else:
            assert decoded(answer)["errors"][0]["message"].startswith(("A contact", "An archived contact"))
    assert ("3" if expected[2] == 200 else "1") == kept["external_id"]
    assert 409 == bench.ask("PUT", f"/contacts/{ada['id']}", {"external_id": "2"}, Intercom_Version=version).status


def test_unarchive_when_a_living_user_has_the_external_id_by_now_then_409() -> None:
    """An external_id stays unique among users whom the API shows."""
    bench = Bench(update_with_archived_identity="take")
    bench.intercom.seed({"contacts": [{"id": "gone", "external_id": "3", "archived": True}]})
    ada = bench.create(external_id="1")
    good(bench.update(ada, external_id="3"))
    assert _exists(ada) == refusal(bench.ask("POST", "/contacts/gone/unarchive"))
    good(bench.update(ada, external_id="4"))
    assert 200 == bench.ask("POST", "/contacts/gone/unarchive").status


def test_identity_when_given_up_then_is_free_for_others() -> None:
    """An external_id that was changed away from is nobody's."""
    bench = Bench()
    ada = bench.create(external_id="1")
    good(bench.update(ada, external_id="2"))
    assert "1" == bench.create(external_id="1")["external_id"]


def test_role_when_a_user_becomes_a_lead_then_400() -> None:
    """A user cannot become a lead."""
    bench = Bench()
    expected = (400, "client_error", "Contact with user role can't be converted to a lead")
    assert expected == refusal(bench.update(bench.create(external_id="1"), role="lead"))


def test_role_when_a_lead_becomes_a_user_then_the_external_id_must_be_free() -> None:
    """A lead may be upgraded, with an external_id that no user has."""
    bench = Bench()
    ada, lead = bench.create(external_id="1"), bench.create(role="lead", email="l@b.co")
    assert lead["external_id"] == good(bench.update(lead, external_id="2"))["external_id"]
    assert _exists(ada) == refusal(bench.update(lead, role="user", external_id="1"))
    upgraded = good(bench.update(lead, role="user", external_id="2"))
    assert ("user", "2", lead["id"]) == (upgraded["role"], upgraded["external_id"], upgraded["id"])
    assert _exists(lead) == refusal(bench.ask("POST", "/contacts", {"external_id": "2"}))


def test_archived_when_asked_for_then_is_not_found_until_unarchived() -> None:
    """An archived contact is 404 to GET, PUT and find, and back after unarchive."""
    bench = Bench()
    ada = bench.create(external_id="a/b c")
    path, by_external_id = f"/contacts/{ada['id']}", "/contacts/find_by_external_id/a%2Fb%20c"
    reference = {"type": "contact", "id": ada["id"], "external_id": "a/b c"}
    assert reference | {"archived": True} == good(bench.ask("POST", f"{path}/archive", {}))
    assert refusal(bench.ask("GET", path)) == (404, "not_found", "User Not Found")
    assert refusal(bench.ask("PUT", path, {"name": "x"})) == (404, "not_found", "Contact Not Found")
    assert code(bench.ask("GET", by_external_id)) == (404, "not_found")
    assert bench.get("/contacts")["data"] == []
    assert reference | {"archived": False} == good(bench.ask("POST", f"{path}/unarchive"))
    assert ada["id"] == bench.get(by_external_id)["id"]


def test_find_when_it_is_a_lead_then_404() -> None:
    """find_by_external_id knows users only."""
    bench = Bench()
    lead = bench.create(role="lead")
    assert code(bench.ask("GET", f"/contacts/find_by_external_id/{lead['external_id']}")) == (404, "not_found")


@pytest.mark.parametrize(("status", "expected"), [(400, "bad_request"), (500, "server_error")])
def test_deleted_when_unarchived_then_is_not_restorable(status: int, expected: str) -> None:
    """A deleted contact is marked for permanent deletion; the real API said so with 400 and with 500."""
    bench = Bench(unarchive_deleted=status)
    ada = bench.create(external_id="1")
    path = f"/contacts/{ada['id']}"
    assert good(bench.ask("DELETE", path))["deleted"] is True
    assert (status, expected) == code(bench.ask("POST", f"{path}/unarchive", {}))
    for method, suffix in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/archive")):
        assert code(bench.ask(method, path + suffix)) == (404, "not_found")


def test_merged_when_asked_for_then_410_with_a_link_to_what_is_left() -> None:
    """A merged contact points, over several hops, at the one that it became part of."""
    bench = Bench()
    first, second, third = (bench.create(external_id=each) for each in "123")
    bench.intercom.merge(first["id"], second["id"])
    bench.intercom.merge(second["id"], third["id"])
    for path in (f"/contacts/{first['id']}", "/contacts/find_by_external_id/1"):
        answer = bench.ask("GET", path)
        assert code(answer) == (410, "contact_merged")
        assert f'</contacts/{third["id"]}>; rel="canonical"' == answer.headers["Link"]
    expected = (400, "bad_request", "User has been merged and is not restorable.")
    assert expected == refusal(bench.ask("POST", f"/contacts/{first['id']}/unarchive"))


@pytest.mark.parametrize("status", [404, 410])
def test_merged_when_read_then_by_the_setting(status: int) -> None:
    """The description says 410 where it tells of reading, and 404 where it tells of merging."""
    bench = Bench(get_of_merged=status)
    first, second = bench.create(external_id="1"), bench.create(external_id="2")
    bench.intercom.merge(first["id"], second["id"])
    answers = [bench.ask("GET", path) for path in (f"/contacts/{first['id']}", "/contacts/find_by_external_id/1")]
    assert [(status, status == 410)] * 2 == [(each.status, "Link" in each.headers) for each in answers]
    bench.intercom.seed({"changes": [{"contact": {"id": first["id"]}, "set": {"deleted": True}}]})
    assert 404 == bench.ask("GET", f"/contacts/{first['id']}").status


@pytest.mark.parametrize("status", [404, 410])
def test_merged_when_updated_then_by_the_setting(status: int) -> None:
    """What a PUT of a merged contact is answered is not known: a setting."""
    bench = Bench(put_of_merged=status)
    first, second = bench.create(external_id="1"), bench.create(external_id="2")
    bench.intercom.merge(first["id"], second["id"])
    answer = bench.update(first, name="x")
    assert status == answer.status
    assert (status == 410) == ("Link" in answer.headers)


def test_merge_when_it_makes_no_sense_then_is_refused() -> None:
    """Nobody is merged into the unknown, the gone, or oneself."""
    bench = Bench()
    ada, bob = bench.create(external_id="1"), bench.create(external_id="2")
    bench.intercom.merge(bob["id"], ada["id"])
    for pair in ((ada["id"], "nobody"), ("nobody", ada["id"]), (ada["id"], bob["id"]), (ada["id"], ada["id"])):
        with pytest.raises(KeyError):
            bench.intercom.merge(*pair)


def test_list_when_paged_then_shows_everyone_once_the_oldest_first() -> None:
    """GET /contacts pages through all living contacts by a cursor, the oldest first."""
    bench = Bench()
    everyone = []
    for number in range(5):
        bench.create(external_id=str(number))
        bench.now += number % 2
    cursor, pages = "", []
    while True:
        page = bench.get(f"/contacts?per_page=2{cursor}")
        pages.append(len(page["data"]))
        everyone += [each["external_id"] for each in page["data"]]
        if "next" not in page["pages"]:
            break
        cursor = f"&starting_after={page['pages']['next']['starting_after'].replace('=', '%3D')}"
    assert pages == [2, 2, 1]
    assert list("01234") == everyone
    assert (page["total_count"], page["pages"]["total_pages"]) == (5, 3)
    for query in ("per_page=151", "per_page=0", "per_page=x", "starting_after=%21"):
        assert code(bench.ask("GET", f"/contacts?{query}")) == (400, "parameter_invalid")


def test_dump_when_read_then_tells_who_is_gone() -> None:
    """The dump holds all contacts with their state, and counts of calls and statuses."""
    bench = Bench()
    ada, bob = bench.create(external_id="1"), bench.create(external_id="2")
    bench.ask("POST", f"/contacts/{ada['id']}/archive")
    bench.intercom.merge(bob["id"], bench.create(external_id="3")["id"])
    dump = bench.intercom.dump()
    states = [(each["external_id"], each["archived"], bool(each["merged_into"])) for each in dump["contacts"]]
    assert states == [("1", True, False), ("2", False, True), ("3", False, False)]
    assert dump["calls"] == {"POST /contacts": 3, "POST /contacts/{id}/archive": 1}
    assert dump["statuses"] == {"200": 4}
    assert decoded(bench.ask("GET", f"/contacts/{ada['id']}"))["errors"]
