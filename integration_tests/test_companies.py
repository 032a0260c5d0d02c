"""Companies and who belongs to them, through the whole pipeline: messages in, the emulator's contents out."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.support.harness import Result, catalog, config, record, state, write
from intercom_emulator import Intercom, Settings

COMPANIES: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "accounts", "company_id_property": "id"}],
    "attributes": [
        {"property": "name"},
        {"property": "plan"},
        {"property": "seats", "attribute": "size"},
        {"property": "spend", "attribute": "monthly_spend"},
        {"property": "since", "attribute": "remote_created_at"},
        {"property": "site", "attribute": "website"},
        {"property": "tier"},
    ],
}
USERS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": "name"}],
    "member_of": [{"property": "account_id"}],
}
TIER = {"name": "tier", "model": "company"}
UPSERT, ATTACH, LIST = "POST /companies", "POST /contacts/{id}/companies", "GET /contacts/{id}/companies"
SEARCH, CREATE, UPDATE = "POST /contacts/search", "POST /contacts", "PUT /contacts/{id}"


def account(company_id: Any, **data: Any) -> dict[str, Any]:
    """A record of a company."""
    return record("accounts", id=company_id, **data)


def user(user_id: str, **data: Any) -> dict[str, Any]:
    """A record of a person."""
    return record("users", user_id=user_id, name=f"Name {user_id}", **data)


def run(
    *messages: dict[str, Any],
    companies: dict[str, Any] | None = None,
    users: dict[str, Any] | None = None,
    intercom: Intercom | None = None,
    seed: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    concurrency: int = 64,
) -> Result:
    """Write the messages, and a state for each stream, to an Intercom that has the attribute `tier` of companies."""
    document = config(
        events=None,
        companies={**COMPANIES, **(companies or {})},
        users={**USERS, **(users or {})},
        delivery={"concurrency": concurrency},
    )
    result = write(
        [*messages, state("accounts", 1), state("users", 2)],
        configuration=document,
        intercom=intercom,
        seed={"data_attributes": [TIER], **(seed or {})} if intercom is None else seed,
        settings=settings,
    )
    assert None is result.error, result.error
    return result


def counts(result: Result) -> tuple[int, int]:
    """How many records were taken, and how many rejected."""
    stats = [each["destinationStats"] for each in result.states]
    return sum(each["recordCount"] for each in stats), sum(each["rejectedRecordCount"] for each in stats)


def company(result: Result, company_id: str) -> dict[str, Any]:
    """The only company that has this id of ours."""
    (found,) = [each for each in result.contents["companies"] if each["company_id"] == company_id]
    return dict(found)


def members(result: Result) -> dict[str, list[str]]:
    """Who belongs to which companies, by our ids."""
    names = {each["id"]: each["company_id"] for each in result.contents["companies"]}
    return {
        each["external_id"]: sorted(names[company["id"]] for company in each["companies"]["data"])
        for each in result.contents["contacts"]
    }


def test_company_when_written_then_its_fields_and_attributes_are_the_records() -> None:
    """By our id, which is written as an identity is; what Intercom cuts is cut, and counted."""
    result = run(
        account(
            42.0,
            name="Acme",
            plan="Pro",
            seats="12",
            spend=155.98,
            since="2024-05-06",
            site="acme.example",
            tier="gold",
        )
    )
    found = company(result, "42")
    expected = {"name": "Acme", "size": 12, "monthly_spend": 155, "remote_created_at": 1_714_953_600}
    assert {**expected, "website": "acme.example"}.items() <= found.items()
    assert ("Pro", {"tier": "gold"}) == (found["plan"]["name"], found["custom_attributes"])
    assert (1, 0) == counts(result)
    assert result.logged('"monthly_spend": 1 cut_spend')
    assert result.logged('"accounts" becomes companies')
    assert result.logged("Companies: missing_attributes fail, null_values ignore.")


def test_company_when_it_comes_again_as_it_is_then_nothing_is_sent() -> None:
    """As far as this run knows: there is no lookup of companies. What differs is sent."""
    same = account("a", name="Acme", seats=3)
    result = run(same, same, account("a", name="Acme", seats="4"))
    assert 2 == result.calls[UPSERT]
    assert result.logged("delivered 2, unchanged 1")
    assert 4 == company(result, "a")["size"]


@pytest.mark.parametrize(("nulls", "expected"), [("ignore", ("Acme", 3)), ("clear", (None, None))])
def test_company_when_a_property_is_null_then_the_user_decides(nulls: str, expected: tuple[Any, Any]) -> None:
    """With `null_values`; blank is null."""
    result = run(
        account("a", name="Acme", seats=3), account("a", name=" ", seats=None), companies={"null_values": nulls}
    )
    assert expected == (company(result, "a").get("name"), company(result, "a").get("size"))


def test_company_rows_that_name_none_or_are_deleted_or_filtered_are_no_companies() -> None:
    """As with people: counted apart, and nothing is written."""
    result = run(
        account(None, name="Nobody's"),
        account({"id": 1}),
        account("gone", _ab_cdc_deleted_at="2026-01-01T00:00:00Z"),
        account("marked", is_deleted=True),
        account("test", name="Test"),
        account("a", name="Acme"),
        companies={
            "streams": [{"stream": "accounts", "company_id_property": "id", "deleted_property": "is_deleted"}],
            "filters": [{"property": "name", "operator": "is_not", "values": ["Test"]}],
        },
    )
    assert ["a"] == [each["company_id"] for each in result.contents["companies"]]
    assert result.logged("filtered 4 (filtered 1, anonymous 1, deleted 2)")
    assert result.logged("rejected 1 (invalid_identity 1)")


def test_company_when_intercom_refuses_a_value_without_a_word_then_all_others_are_written() -> None:
    """It is found by halving, and not sent again in this run."""
    row = {"name": "Acme", "plan": "Pro", "seats": 3, "site": "a.example", "tier": "bad", "since": 1_714_953_600}
    fault = {"endpoint": UPSERT, "kind": "status", "status": 400, "matching": "bad"}
    result = run(
        account("a", **row), account("b", name="Other", tier="bad"), settings={"faults": [fault]}, concurrency=1
    )
    found = company(result, "a")
    expected = {"name": "Acme", "size": 3, "website": "a.example", "remote_created_at": 1_714_953_600}
    assert expected.items() <= found.items()
    assert ("Pro", {}) == (found["plan"]["name"], found["custom_attributes"])
    assert "Other" == company(result, "b")["name"]
    assert (2, 0) == counts(result)
    assert 4 + 1 == result.calls[UPSERT]
    assert result.logged('"tier": 2 refused')


@pytest.mark.parametrize("bad", [1, 2, 6])
def test_company_when_several_values_are_refused_then_eight_calls_are_the_most(bad: int) -> None:
    """What is still suspected then is left out, and the company is there all the same."""
    names = [f"n{number}" for number in range(12)]
    row = {name: "bad" if number < bad else "good" for number, name in enumerate(names)}
    result = run(
        account("a", **row),
        companies={"attributes": [{"property": name} for name in names]},
        seed={"data_attributes": [{"name": name, "model": "company"} for name in names]},
        settings={"faults": [{"endpoint": UPSERT, "kind": "status", "status": 422, "matching": "bad"}]},
    )
    assert (1, 0) == counts(result)
    assert result.calls[UPSERT] <= 8
    written = company(result, "a")["custom_attributes"]
    assert "bad" not in written.values()
    assert len(written) == 12 - bad if bad == 1 else len(written) <= 12 - bad


def test_company_when_a_refusal_names_the_attribute_then_it_alone_is_left_out() -> None:
    """One call more; somebody has archived the attribute since the sync began."""
    result = run(
        account("a", name="Acme", tier="gold"),
        settings={
            "faults": [
                {
                    "endpoint": UPSERT,
                    "kind": "status",
                    "status": 400,
                    "matching": "tier",
                    "message": "Custom attribute 'tier' does not exist",
                }
            ]
        },
    )
    assert ("Acme", {}) == (company(result, "a")["name"], company(result, "a")["custom_attributes"])
    assert 2 == result.calls[UPSERT]
    assert result.logged('"tier": 1 refused')


def test_company_when_another_create_is_in_the_way_then_it_is_asked_again() -> None:
    """Two creates of one id at once are refused one another, says an SDK's issue."""
    intercom = Intercom(Settings.from_dict({"company_race": 0.5}))
    answer = intercom.handle(
        "POST",
        "/companies",
        {"Authorization": "Bearer test-token", "Content-Type": "application/json", "Intercom-Version": "2.16"},
        b'{"company_id": "a"}',
    )
    assert 200 == answer.status
    result = run(account("a", name="Acme"), settings={"company_race": 0.5}, seed={"companies": []})
    assert "Acme" == company(result, "a")["name"]


@pytest.mark.parametrize(("missing", "expected"), [("create", {"territory": "EU"}), ("skip", {})])
def test_missing_attribute_of_companies_when_allowed_then_it_is_created_or_left_out(
    missing: str, expected: dict[str, Any]
) -> None:
    """Of the model company, and before the first record."""
    entries = [{"property": "name"}, {"property": "territory", "type": "string"}]
    result = run(
        account("a", name="Acme", territory="EU"), companies={"attributes": entries, "missing_attributes": missing}
    )
    assert expected == company(result, "a")["custom_attributes"]
    made = [each for each in result.contents["data_attributes"] if each["name"] == "territory"]
    assert (["company"] if expected else []) == [each["model"] for each in made]


def test_attribute_that_was_just_created_when_intercom_does_not_know_it_yet_is_written_all_the_same() -> None:
    """Its newness is waited for, and not held against the value."""
    entries = [{"property": "name"}, {"property": "territory", "type": "string"}]
    result = run(
        account("a", name="Acme", territory="EU"),
        account("b", name="Beta", territory="US"),
        companies={"attributes": entries, "missing_attributes": "create"},
        settings={"attribute_lag": 5.0},
    )
    assert ["EU", "US"] == [company(result, each)["custom_attributes"].get("territory") for each in ("a", "b")]
    assert not result.logged("refused,")


# ---------------------------------------------------------------- who belongs to them


@pytest.mark.parametrize("company_first", [True, False])
def test_people_when_their_company_comes_before_or_after_them_then_they_belong_to_it(company_first: bool) -> None:
    """A company that nobody wrote yet is made by its id; its own row gives it a name."""
    rows, people = [account(7, name="Acme")], [user("u1", account_id="7"), user("u2", account_id=7.0)]
    result = run(*(rows + people if company_first else people + rows))
    assert {"u1": ["7"], "u2": ["7"]} == members(result)
    assert ("Acme", 2) == (company(result, "7")["name"], company(result, "7")["user_count"])
    assert (3, 0) == counts(result)
    assert 2 == result.calls[ATTACH]
    assert result.calls[UPSERT] <= 2
    assert not result.logged("have no people")


def test_person_of_twelve_companies_when_ten_are_shown_then_only_what_is_missing_is_attached() -> None:
    """The lookup shows ten; the others are asked for once."""
    ids = [f"c{number}" for number in range(12)]
    seed = {
        "companies": [{"company_id": each} for each in ids],
        "contacts": [{"external_id": "u1", "name": "Name u1", "companies": [{"company_id": each} for each in ids]}],
    }
    known = run(user("u1", account_id=ids), seed=seed)
    assert {SEARCH: 1, UPSERT: 12, LIST: 1}.items() <= known.calls.items()
    assert ATTACH not in known.calls
    assert known.logged("unchanged 1")
    more = run(user("u1", account_id=[*ids, "c99"]), seed=seed)
    assert {UPSERT: 13, LIST: 1, ATTACH: 1}.items() <= more.calls.items()
    assert {"u1": sorted([*ids[:10]])} == members(more)
    assert 1 == company(more, "c99")["user_count"]


@pytest.mark.parametrize("listed", ["data", "companies"])
def test_person_of_very_many_companies_when_listed_in_pages_then_all_pages_are_read(listed: str) -> None:
    """In either member, for the description has both."""
    ids = [f"c{number}" for number in range(120)]
    seed = {
        "companies": [{"company_id": each} for each in ids],
        "contacts": [{"external_id": "u1", "name": "Name u1", "companies": [{"company_id": each} for each in ids]}],
    }
    result = run(user("u1", account_id="c119"), seed=seed, settings={"attached_companies_in": listed})
    assert {LIST: 3, UPSERT: 1}.items() <= result.calls.items()
    assert ATTACH not in result.calls


@pytest.mark.parametrize("value", [None, "", " ", [], [None, " "], "[]"])
def test_person_without_a_company_stays_in_the_companies_that_they_have(value: Any) -> None:
    """Nothing is ever taken off."""
    seed = {"contacts": [{"external_id": "u1", "name": "Name u1", "companies": [{"company_id": "old"}]}]}
    result = run(user("u1", account_id=value), user("u1"), seed=seed)
    assert {"u1": ["old"]} == members(result)
    assert {SEARCH: 1} == {name: count for name, count in result.calls.items() if name != "GET /data_attributes"}


def test_person_whose_records_name_several_companies_when_merged_then_they_add_up() -> None:
    """Lists, texts that hold a list, templates, and several entries; what is no id is left out and counted."""
    entries = [{"property": "account_id"}, {"property": "{{ record.owner and 'o-' ~ record.owner }}"}]
    result = run(
        user("u1", account_id=["a", 7, {"no": "id"}]),
        user("u1", account_id='["b", 8]', owner="x"),
        user("u1", account_id=True),
        users={"member_of": entries},
    )
    assert {"u1": ["7", "8", "a", "b", "o-x"]} == members(result)
    assert (3, 0) == counts(result)
    assert result.logged('"member_of account_id": 2 no_company_id')


def test_ids_that_arrive_as_decimals_in_texts_are_those_of_the_companies_own_rows() -> None:
    """PyAirbyte's cache sends numbers so: the same company, whichever stream names it; 1e3 may name another one."""
    number = {
        "json_schema": {"type": "object", "properties": {"id": {"type": "number"}, "account_id": {"type": "number"}}}
    }
    streams = catalog("accounts", "users")
    for each in streams["streams"]:
        each["stream"] |= number
        each["stream"]["json_schema"]["additionalProperties"] = True
    result = write(
        [
            user("u1", account_id="42.000000000"),
            account("42.000000000", name="Acme"),
            user("u2", account_id="1e3"),
            account("1e3", name="Bond"),
        ],
        configuration=config(events=None, companies=COMPANIES, users=USERS),
        configured_catalog=streams,
        seed={"data_attributes": [TIER]},
    )
    assert None is result.error
    assert {"u1": ["42"], "u2": ["1e3"]} == members(result)
    assert ["Acme", "Bond"] == [company(result, each)["name"] for each in ("42", "1e3")]


def test_person_who_was_attached_when_they_come_again_then_nobody_is_attached_again() -> None:
    """The search does not show it yet, but this run knows; another company is attached."""
    seed = {"contacts": [{"external_id": "u1", "name": "Name u1"}]}
    people = [user("u1", account_id="a"), *[user(f"x{number}") for number in range(300)], user("u1", account_id="a")]
    result = run(*people, seed=seed, settings={"search_lag": 600.0})
    assert {ATTACH: 1, UPSERT: 1}.items() <= result.calls.items()
    assert {"a"} == set(members(result)["u1"])


def test_person_beyond_the_limit_of_companies_when_attached_then_the_rest_is_left_out() -> None:
    """And counted; the record is delivered."""
    result = run(user("u1", account_id=["a", "b", "c"]), settings={"contact_company_limit": 2})
    assert {"u1": ["a", "b"]} == members(result)
    assert (1, 0) == counts(result)
    assert result.logged('"member_of account_id": 1 company_limit')
    assert result.logged("have no people, as far as it knows: 1.")


def test_person_whose_company_is_refused_is_delivered_without_it() -> None:
    """It is asked for once a run, however many people belong to it."""
    fault = {"endpoint": UPSERT, "kind": "status", "status": 400, "matching": "bad"}
    people = [user(f"u{number}", account_id=["bad", "good"]) for number in range(3)]
    result = run(*people, settings={"faults": [fault]})
    assert {f"u{number}": ["good"] for number in range(3)} == members(result)
    assert (3, 0) == counts(result)
    assert {UPSERT: 2, ATTACH: 3}.items() <= result.calls.items()
    assert result.logged('"member_of account_id": 3 company_refused')


def test_company_that_is_archived_meanwhile_when_somebody_belongs_to_it_then_it_is_made_again() -> None:
    """Found before, not there any more: it comes back when it is written."""
    fault = {
        "endpoint": ATTACH,
        "kind": "status",
        "status": 404,
        "code": "company_not_found",
        "message": "Company Not Found",
        "at": [1],
    }
    result = run(user("u1", account_id="a"), settings={"faults": [fault]})
    assert {"u1": ["a"]} == members(result)
    assert {UPSERT: 2, ATTACH: 2}.items() <= result.calls.items()


def test_person_who_is_rejected_is_attached_to_nothing() -> None:
    """And no company is made for them."""
    result = run(user("u1", account_id="a"), users={"write_mode": "update_only"})
    assert [] == result.contents["companies"]
    assert (0, 1) == counts(result)


def test_person_who_is_to_stay_as_they_are_is_attached_to_nothing() -> None:
    """With create_only people whom Intercom knows are left alone."""
    seed = {"contacts": [{"external_id": "u1", "name": "Old"}]}
    result = run(user("u1", account_id="a"), user("u2", account_id="a"), users={"write_mode": "create_only"}, seed=seed)
    assert {"u1": [], "u2": ["a"]} == members(result)


def test_sync_when_it_is_run_again_after_any_of_its_calls_then_the_end_is_the_same() -> None:
    """Killed between company and attach, nothing is lost and nothing is there twice: both are repeated harmlessly."""
    messages = [user("u1", account_id=["a", "b"]), account("a", name="Acme"), user("u2", account_id="b")]
    intercom = Intercom()
    intercom.seed({"data_attributes": [TIER]})
    first = run(*messages, intercom=intercom)
    again = run(*messages, intercom=intercom)
    assert members(first) == members(again) == {"u1": ["a", "b"], "u2": ["b"]}
    assert ["a", "b"] == sorted(each["company_id"] for each in again.contents["companies"])
    assert first.calls[ATTACH] == again.calls[ATTACH] == 3


def test_company_when_nobody_belongs_to_it_then_the_end_of_the_log_says_so() -> None:
    """It exists, and Intercom shows it nowhere."""
    seed = {"contacts": [{"external_id": "u1", "name": "Name u1", "companies": [{"company_id": "old"}]}]}
    result = run(
        account("a", name="Acme"),
        account("b", name="Beta"),
        account("old", name="Old"),
        user("u2", account_id="b"),
        seed=seed,
    )
    assert result.logged("have no people, as far as it knows: 1.")


def test_dry_run_when_it_ends_then_each_kind_of_change_is_counted_apart() -> None:
    """What is there already is asked for, and nothing is written."""
    seed = {
        "companies": [{"company_id": "old", "name": "Old"}],
        "contacts": [{"external_id": "u1", "name": "Name u1", "companies": [{"company_id": "old"}]}],
    }
    result = write(
        [
            account("old", name="New"),
            account("new", name="New"),
            user("u1", account_id=["old", "made"]),
            user("u2", account_id="old"),
        ],
        configuration=config(events=None, companies=COMPANIES, users=USERS, delivery={"dry_run": True}),
        seed={"data_attributes": [TIER], **seed},
    )
    assert result.logged(
        "Dry run: 2 companies would be created, 1 companies updated, 1 contacts would be created, 0 updated,"
        " 2 people attached to a company, 0 events sent"
    ), result.logs
    assert set() == {UPSERT, ATTACH, CREATE, UPDATE} & result.calls.keys()


def test_stream_of_people_and_companies_when_written_then_each_row_is_both() -> None:
    """One row of a CRM holds the person and their company."""
    companies = {"streams": [{"stream": "users", "company_id_property": "account_id"}], "attributes": []}
    result = run(user("u1", account_id="a"), user("u2", account_id=None), companies=companies)
    assert {"u1": ["a"], "u2": []} == members(result)
    assert (2, 0) == counts(result)
    assert result.logged("Parts: companies delivered 1, companies filtered 1, contacts delivered 2")
