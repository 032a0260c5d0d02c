"""Data attributes, and the values that they let a contact carry."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, good, refusal


def _post(bench: Bench, **fields: Any) -> Any:
    return bench.ask("POST", "/data_attributes", {"name": "plan", "model": "contact", "data_type": "string"} | fields)


def _names(bench: Bench, query: str = "model=contact") -> set[str]:
    return {each["name"] for each in bench.get(f"/data_attributes?{query}")["data"]}


def test_attribute_when_created_then_is_shown_and_usable() -> None:
    """A created attribute is listed, and contacts may carry it."""
    bench = Bench()
    created = good(_post(bench, description="the plan"))
    expected = {
        "type": "data_attribute", "name": "plan", "full_name": "custom_attributes.plan", "label": "plan",
        "description": "the plan", "data_type": "string", "api_writable": True, "custom": True, "archived": False,
        "model": "contact", "created_at": int(START),
    }  # fmt: skip
    assert expected == {key: created[key] for key in expected}
    assert created in bench.get("/data_attributes?model=contact")["data"]
    assert bench.create(external_id="1", custom_attributes={"plan": "pro"})["custom_attributes"] == {"plan": "pro"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "conversation"}, "The Data Attribute model field must be either contact or company"),
        ({"data_type": "text"}, "Data Type isn't an option"),
        ({"data_type": None}, "Data Type isn't an option"),
        ({"name": "a.b"}, "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"),
        ({"name": ""}, "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"),
        ({"name": 7}, "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"),
        ({"name": "taken"}, "You already have 'taken' in your people data. To save this as new people data, use a different name."),
        ({"name": "gone"}, "You already have 'gone' in your people data. To save this as new people data, use a different name."),
        ({"name": "size"}, "You already have 'size' in your company data. To save this as new people data, use a different name."),
        ({"name": "taken", "model": "company"}, "You already have 'taken' in your people data. To save this as new company data, use a different name."),
        ({"name": "email"}, "You already have 'email' in your people data. To save this as new people data, use a different name."),
        ({"description": 7}, "description must be a string"),
        ({"data_type": "options"}, "The Data Attribute options field must have at least 2 options"),
        ({"data_type": "options", "options": [{"value": "a"}]}, "The Data Attribute options field must have at least 2 options"),
        ({"data_type": "options", "options": ["a", "b"]}, "The Data Attribute options field must have at least 2 options"),
    ],
)  # fmt: skip
def test_attribute_when_it_cannot_be_then_400_in_intercoms_words(fields: dict[str, Any], message: str) -> None:
    """Names clash across models and with archived ones; names and types have their rules."""
    bench = Bench()
    bench.attribute("taken")
    bench.attribute("gone", archived=True)
    bench.attribute("size", model="company")
    assert (400, "parameter_invalid", message) == refusal(_post(bench, **fields))


@pytest.mark.parametrize(("name_clash", "expected"), [("all", [400, 400, 400]), ("custom", [400, 200, 400])])
def test_attribute_when_a_standard_one_has_its_name_then_by_the_setting_unless_of_the_same_model(
    name_clash: str, expected: list[int]
) -> None:
    """Whether names clash with the other model's standard attributes too is not known."""
    bench = Bench(name_clash=name_clash)
    bench.attribute("tier", model="company")
    answers = [_post(bench, name="size", model="company"), _post(bench, name="industry"), _post(bench, name="tier")]
    assert expected == [each.status for each in answers]


@pytest.mark.parametrize("name", ["Mithril Shirt", "text_field", "price-€", "$plan", "Größe"])
def test_attribute_when_its_name_is_plain_then_created(name: str) -> None:
    """Letters, digits, spaces, underscores, hyphens and currency symbols."""
    assert name == good(_post(Bench(), name=name))["name"]


def test_attribute_names_when_they_differ_in_case_then_are_two() -> None:
    """Names are case-sensitive, when created and when used."""
    bench = Bench()
    good(_post(bench, name="plan"))
    answer = bench.ask("POST", "/contacts", {"external_id": "1", "custom_attributes": {"Plan": "x"}})
    assert refusal(answer) == (400, "parameter_invalid", "Custom attribute 'Plan' does not exist")
    good(_post(bench, name="Plan"))


def test_attributes_when_the_limit_is_reached_then_400() -> None:
    """A workspace has 250 custom attributes; archived ones do not count."""
    bench = Bench(attribute_limit=2)
    bench.attribute("gone", archived=True)
    assert [_post(bench, name=name).status for name in "abc"] == [200, 200, 400]


def test_list_when_filtered_then_by_model_and_without_archived_ones() -> None:
    """Archived attributes come only if asked for; conversation is no model any more."""
    bench = Bench()
    bench.attribute("plan")
    bench.attribute("gone", archived=True)
    bench.attribute("size", model="company")
    assert {"plan", "email", "external_id"} <= _names(bench)
    assert not {"gone", "size", "company_id"} & _names(bench)
    assert "gone" in _names(bench, "model=contact&include_archived=true")
    assert {"size", "company_id"} <= _names(bench, "model=company")
    assert {"plan", "size"} <= _names(bench, "")
    full_names = {each["full_name"] for each in bench.get("/data_attributes?model=company")["data"]}
    assert {"company_id", "plan.name", "monthly_spend", "custom_attributes.size"} <= full_names
    assert code(bench.ask("GET", "/data_attributes?model=conversation")) == (422, "parameter_invalid")


def test_datetime_when_listed_then_is_a_date_before_preview() -> None:
    """2.16 describes no listed datetime; Preview does."""
    bench = Bench()
    assert good(_post(bench, name="seen", data_type="datetime"))["data_type"] == "date"
    listed = good(bench.ask("GET", "/data_attributes", Intercom_Version="Preview"))["data"]
    assert [each["data_type"] for each in listed if each["name"] == "seen"] == ["datetime"]


FITTING: list[tuple[str, object]] = [
    ("string", "x" * 255), ("string", ""), ("integer", 7), ("integer", 2**63 - 1), ("float", 7), ("float", 1.5),
    ("boolean", False), ("date", 1_700_000_000), ("datetime", -5), ("options", "Red"), ("options", "Green"),
]  # fmt: skip
UNFITTING: list[tuple[str, object]] = [
    ("string", 7), ("string", True), ("string", "x" * 256), ("string", ["x"]), ("string", {"a": 1}), ("integer", "7"),
    ("integer", 7.5), ("integer", True), ("integer", 2**63), ("float", "1.5"), ("float", 10**400), ("boolean", 1),
    ("boolean", "true"), ("date", "2020-01-01"), ("date", 1.5), ("date", True), ("date", 1_700_000_000_000),
    ("datetime", "x"), ("options", 7), ("missing", "x"), ("archived", "x"), ("read-only", "x"),
]  # fmt: skip


def _with_all_types() -> Bench:
    bench = Bench()
    for data_type in ("string", "integer", "float", "boolean", "date", "datetime"):
        bench.attribute(data_type, data_type)
    bench.attribute("options", options=["Red", "Blue"])
    bench.attribute("archived", archived=True)
    bench.attribute("read-only", api_writable=False)
    return bench


@pytest.mark.parametrize(("name", "value"), FITTING, ids=str)
def test_value_when_it_fits_the_type_then_kept(name: str, value: object) -> None:
    """Each type takes its values."""
    bench = _with_all_types()
    assert {name: value} == bench.create(external_id="1", custom_attributes={name: value})["custom_attributes"]


@pytest.mark.parametrize(("name", "value"), UNFITTING, ids=lambda each: str(each)[:20])
def test_value_when_it_does_not_fit_then_the_whole_contact_is_refused(name: str, value: object) -> None:
    """One value of a wrong type, too long, or for no attribute refuses create and update alike."""
    bench = _with_all_types()
    ada = bench.create(external_id="1", name="Ada")
    for answer in (
        bench.ask("POST", "/contacts", {"external_id": "2", "custom_attributes": {name: value}}),
        bench.update(ada, name="changed", custom_attributes={"string": "fits", name: value}),
    ):
        assert code(answer) == (400, "parameter_invalid")
    assert [
        (each["external_id"], each["name"], each["custom_attributes"]) for each in bench.intercom.dump()["contacts"]
    ] == [("1", "Ada", {})]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("message", (400, "parameter_invalid", "Custom attribute 'options' must be one of its options")),
        ("nothing", (400, "parameter_invalid", "Invalid parameter")),
    ],
)
def test_option_when_it_is_outside_the_list_and_so_set_then_refuses_the_whole_contact(
    named: str, expected: tuple[int, str, str]
) -> None:
    """For some days of 2026 Intercom refused such values; the refusal may name the attribute or nothing."""
    bench = _with_all_types()
    bench.intercom.change_settings({"options_outside": "refuse", "refused_field": named})
    ada = bench.create(external_id="1", custom_attributes={"options": "Red"})
    assert expected == refusal(bench.update(ada, name="Ada", custom_attributes={"options": "Green"}))
    assert ada == bench.get(f"/contacts/{ada['id']}")


def test_attribute_when_it_is_young_then_is_refused_as_unknown_for_the_lag() -> None:
    """It is listed at once, and contacts may not carry it yet; a seeded one is old."""
    bench = Bench(attribute_lag=3.0)
    bench.attribute("old")
    bench.now += 0.9
    good(_post(bench, name="plan"))
    assert {"plan", "old"} <= _names(bench)
    body = {"external_id": "1", "custom_attributes": {"old": "x", "plan": "pro"}}
    bench.now += 2.9
    assert refusal(bench.ask("POST", "/contacts", body)) == (
        400,
        "parameter_invalid",
        "Custom attribute 'plan' does not exist",
    )
    bench.now += 0.2
    assert body["custom_attributes"] == good(bench.ask("POST", "/contacts", body))["custom_attributes"]


def test_attribute_when_archived_then_no_contact_can_carry_it_until_it_is_back() -> None:
    """Archiving is how the API takes an attribute away; its name stays taken."""
    bench = Bench()
    path = f"/data_attributes/{good(_post(bench))['id']}"
    bench.now += 60
    archived = good(bench.ask("PUT", path, {"archived": True}))
    assert (True, int(bench.now)) == (archived["archived"], archived["updated_at"])
    assert ("plan" in _names(bench), "plan" in _names(bench, "include_archived=true")) == (False, True)
    refused = bench.ask("POST", "/contacts", {"external_id": "1", "custom_attributes": {"plan": "pro"}})
    assert code(refused) == (400, "parameter_invalid")
    assert code(_post(bench)) == (400, "parameter_invalid")
    good(bench.ask("PUT", path, {"archived": False}))
    assert bench.create(external_id="1", custom_attributes={"plan": "pro"})["custom_attributes"] == {"plan": "pro"}


def test_attribute_when_changed_then_its_type_and_name_stay() -> None:
    """What a PUT does not take is passed over."""
    bench = Bench()
    made = good(_post(bench, data_type="options", options=[{"value": "a"}, {"value": "b"}]))
    changes = {"description": "new", "messenger_writable": True, "options": [{"value": "c"}, {"value": "d"}]}
    changed = good(bench.ask("PUT", f"/data_attributes/{made['id']}", {"name": "x", "data_type": "date", **changes}))
    expected = {"name": "plan", "data_type": "string", "options": ["c", "d"], "description": "new"}
    assert expected == {key: changed[key] for key in expected}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"options": "a"}, (400, "parameter_invalid", "Options isn't an array")),
        ({"options": [{"value": "a"}, {"value": "b"}]}, (400, "parameter_invalid", "Options isn't an array")),
        ({"archived": "yes"}, (400, "parameter_invalid", "archived is not of its type")),
    ],
)
def test_attribute_when_a_change_is_nonsense_then_400(body: dict[str, Any], told: tuple[int, str, str]) -> None:
    """An attribute that has no options gets none."""
    bench = Bench()
    assert told == refusal(bench.ask("PUT", f"/data_attributes/{good(_post(bench))['id']}", body))


@pytest.mark.parametrize("attribute_id", ["1", "None", "email"])
def test_attribute_when_nobody_knows_it_then_404(attribute_id: str) -> None:
    """A standard attribute has no id."""
    answer = Bench().ask("PUT", f"/data_attributes/{attribute_id}", {"archived": True})
    assert refusal(answer) == (404, "field_not_found", "We couldn't find that data attribute to update")


def test_attribute_when_it_comes_back_beyond_the_limit_then_400() -> None:
    """An archived attribute does not count; one that comes back does."""
    bench = Bench(attribute_limit=1)
    path = f"/data_attributes/{good(_post(bench))['id']}"
    good(bench.ask("PUT", path, {"archived": True}))
    good(_post(bench, name="other"))
    assert code(bench.ask("PUT", path, {"archived": False})) == (400, "parameter_invalid")
