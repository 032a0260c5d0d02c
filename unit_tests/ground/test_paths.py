"""Paths and wildcards: whatever a source sends, they find what is there, raise nothing and change nothing."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom import paths
from destination_intercom.deep_json import DEEPEST
from destination_intercom.paths import Documents, compile_members, compile_null_check, compile_path, is_wildcard
from destination_intercom.values import MISSING
from unit_tests.strategies import JSON, KEYS, TEXTS


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("a", {"a": 1}, 1),
        ("a.b.c", {"a": {"b": {"c": 1}}}, 1),
        ("a.b", {"a.b": 1, "a": {"b": 2}}, 1),
        ("a.b.c", {"a.b": {"c": 1}, "a": {"b.c": 2}}, 1),
        ("a.b.c", {"a": {"b.c": 1, "b": {"c": 2}}}, 1),
        ("event_properties.ad_metrics.cost", {"event_properties": {"ad_metrics.cost": 3}}, 3),
        ("a.b", {"a.b": None, "a": {"b": 2}}, None),
    ],
)
def test_path_where_several_readings_are_possible_takes_the_longest_literal_key(
    path: str, data: dict[str, Any], expected: object
) -> None:
    """At each level a literal key wins over nesting, the longest first; a null there counts as a value."""
    assert expected == compile_path(path)(data)


@pytest.mark.parametrize("shadow", [5, None, [], {}, "text", {"d": 1}])
def test_path_when_the_longest_key_leads_nowhere_tries_the_next_shorter(shadow: object) -> None:
    """A literal key that does not hold the rest hides nothing behind it."""
    assert compile_path("a.b.c")({"a.b": shadow, "a": {"b": {"c": 1}}}) == 1


@pytest.mark.parametrize(
    ("path", "data"),
    [("a", {}), ("a", {"a.b": 1}), ("a.b", {"a": 1}), ("a.b", {"a": [{"b": 1}]}), ("a.b", {"a": {}}), ("", {"a": 1})],
)
def test_path_when_nothing_is_there_gives_missing(path: str, data: dict[str, Any]) -> None:
    """Absent is something else than null."""
    assert compile_path(path)(data) is MISSING


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4), st.dictionaries(KEYS, JSON, max_size=4))
def test_path_over_any_record_never_raises_and_changes_nothing(parts: list[str], data: dict[str, Any]) -> None:
    """A path may be tried on whatever a source sends."""
    before = repr(data)
    compile_path(".".join(parts))(data)
    assert before == repr(data)


@given(st.lists(TEXTS.filter(lambda text: "." not in text), min_size=1, max_size=24), st.data())
def test_path_however_the_keys_are_joined_finds_the_value(parts: list[str], draw: st.DataObject) -> None:
    """A value is reached by its path wherever its keys hold dots or nest."""
    cuts = [draw.draw(st.booleans()) for _ in parts[1:]]
    keys = [parts[0]]
    for part, cut in zip(parts[1:], cuts, strict=True):
        if cut:
            keys.append(part)
        else:
            keys[-1] += "." + part
    nested: Any = "found"
    for key in reversed(keys):
        nested = {key: nested}
    assert compile_path(".".join(parts))(nested) == "found"


@pytest.mark.parametrize("many", [3, 15, 16, 17, 40])
def test_path_however_long_takes_the_longest_literal_key_and_tries_the_next(many: int) -> None:
    """A path of more parts than any real one is read by the same rules."""
    path = ".".join(f"p{number}" for number in range(many))
    first, rest = path.split(".", 1)
    last = rest.rpartition(".")[2]
    assert compile_path(path)({path: 1, first: {rest: 2}}) == 1
    assert compile_path(path)({first: {rest: 2}, path.removesuffix(f".{last}"): 3}) == 2
    assert compile_path(path)({f"{path}x": 1, f"{path}.x": 1, first: {f"{rest}.x": 1}, f"{first}.": 1}) is MISSING


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("emails.0.email", "a@x.example"),
        ("emails.1.email", "b@x.example"),
        ("emails.2.email", MISSING),
        ("emails.-1.email", MISSING),
        ("emails.00.email", MISSING),
        ("emails.\u0660.email", MISSING),
        ("emails.first.email", MISSING),
        ("emails.0x0.email", MISSING),
        ("emails." + "9" * 5000 + ".email", MISSING),
        ("emails.email", MISSING),
        ("emails.", MISSING),
        ("grid.1.0", 3),
        ("grid.1", [3, 4]),
        ("by_number.0", "zero"),
        ("by_number.00", "two noughts"),
        ("by_number.0.1", "dotted"),
    ],
)
def test_path_when_a_part_is_a_number_enters_a_list_and_is_a_name_elsewhere(path: str, expected: object) -> None:
    """A list is entered by the number of a member, counted from 0 and written in one way."""
    data = {
        "emails": [{"email": "a@x.example"}, {"email": "b@x.example"}],
        "grid": [[1, 2], [3, 4]],
        "by_number": {"0": "zero", "00": "two noughts", "0.1": "dotted"},
    }
    assert expected == compile_path(path)(data)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("object.theme", "dark"),
        ("object.tags.1", "b"),
        ("object.a.b", "literal"),
        ("list.1.id", 2),
        ("within.object.deep", 5),
        ("twice.inner.x", 1),
        ("padded.x", 1),
        ("large.id", 2**64 + 1),
        ("repeated.x", 2),
        ("number.0", MISSING),
        ("word.x", MISSING),
        ("scalar.0", MISSING),
        ("broken.x", MISSING),
        ("not_a_number.x", MISSING),
        ("blank.x", MISSING),
    ],
)
def test_path_when_a_text_holds_json_enters_it(path: str, expected: object) -> None:
    """Columns of jsonb and VARIANT arrive as texts; a text that holds no object or list is one."""
    data = {
        "object": '{"theme": "dark", "tags": ["a", "b"], "a.b": "literal", "a": {"b": "nested"}}',
        "list": '[{"id": 1}, {"id": 2}]',
        "within": {"object": '{"deep": 5}'},
        "twice": json.dumps({"inner": json.dumps({"x": 1})}),
        "padded": ' \n{"x": 1} ',
        "large": f'{{"id": {2**64 + 1}}}',
        "repeated": '{"x": 1, "x": 2}',
        "number": "5",
        "word": "dark",
        "scalar": '"text"',
        "broken": '{"x": 1',
        "not_a_number": '{"x": NaN}',
        "blank": " ",
    }
    assert expected == compile_path(path)(data)


@pytest.mark.parametrize("text", ['{"theme": "dark"}', '{"theme":'])
def test_path_when_it_ends_at_a_text_that_holds_json_gives_the_text(text: str) -> None:
    """Only what lies below it makes an object of it."""
    assert text == compile_path("settings")({"settings": text})


@pytest.mark.parametrize("path", [" a ", " a . b ", "\ta"])
def test_path_when_a_name_has_blanks_at_its_ends_keeps_them(path: str) -> None:
    """They are part of a source's name."""
    data = {" a ": 1, "a": 2, " a . b ": 3, "a.b": 4, "\ta": 5}
    assert data[path] == compile_path(path)(data)


def test_path_when_several_lead_into_one_text_then_it_is_parsed_once_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large column that twenty attributes read costs what one does, whether it is JSON or not."""
    parsed: list[str] = []

    def parse(text: str) -> Any:
        parsed.append(text)
        return json.loads(text)

    monkeypatch.setattr(paths, "parse_exactly", parse)
    readers = [compile_path(path) for path in ("s.a", "s.b", "s.c.0", "t.x", "t.y", "u.x")]
    first = {"s": '{"a": 1, "b": 2, "c": [3]}', "t": "{no json", "u": '{"x": 7}'}
    second = {**first, "s": '{"a": 10, "b": 20, "c": []}'}
    assert [1, 2, 3, MISSING, MISSING, 7] == [read(first) for read in readers]
    assert [first["s"], first["t"], first["u"]] == parsed
    parsed.clear()
    assert [10, 20, MISSING, MISSING, MISSING, 7] == [read(second) for read in readers]
    assert [second["s"], second["t"], second["u"]] == parsed


def test_documents_when_another_record_comes_keep_nothing_of_the_one_before() -> None:
    """The memory is that of one record, and another one's text is read for itself."""
    documents, record, other = Documents(), {"a": "[1]"}, {"a": "[2]"}
    assert [1] == documents.of(record).read("[1]")
    assert documents.of(record)._last == (record, {"[1]": [1]})
    assert [2] == documents.of(other).read("[2]")
    assert documents._last[0] is other
    assert documents._last[1] == {"[2]": [2]}


def test_documents_when_a_record_is_changed_between_two_reads_then_each_text_is_its_own() -> None:
    """What is kept is told by the text, so it cannot be stale."""
    documents, record = Documents(), {"a": "[1]"}
    assert [1] == documents.of(record).read(record["a"])
    record["a"] = "[2]"
    assert [2] == documents.of(record).read(record["a"])


def test_path_when_it_is_as_deep_as_any_record_finds_the_end() -> None:
    """Neither the depth of a record nor the length of a path is a recursion of ours."""
    nested: Any = "found"
    for _ in range(DEEPEST):
        nested = {"a": nested}
    assert compile_path(".".join("a" * DEEPEST))(nested) == "found"
    text = '{"a":' * (DEEPEST - 1) + '"found"' + "}" * (DEEPEST - 1)
    assert compile_path("t." + ".".join("a" * (DEEPEST - 1)))({"t": text}) == "found"
    assert compile_path("t.a")({"t": '{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1)}) is MISSING


def test_path_when_every_prefix_is_a_key_then_each_level_is_tried_once() -> None:
    """Ways that lead nowhere do not multiply."""
    visits = 0

    class Counted(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            nonlocal visits
            visits += 1
            return super().__contains__(key)

    parts = 12
    level: dict[str, Any] = Counted()
    levels = 1
    for length in range(parts - 1, 0, -1):
        level = Counted({"a": level, "a.a": Counted()} if length < parts - 1 else {"a": level})
        levels += 2
    assert compile_path(".".join("a" * parts + "b"))(level) is MISSING
    assert visits <= levels * parts


PATHS = st.lists(st.sampled_from(["a", "b", "c", "", "0", "1", "*", "a.b"]), min_size=1, max_size=5).map(".".join)
AS_TEXTS = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=2).map(json.dumps) | st.dictionaries(KEYS, inner, max_size=3).map(json.dumps)
    ),
)


@given(PATHS, st.dictionaries(KEYS, AS_TEXTS, max_size=4))
def test_path_when_texts_hold_json_never_raises_and_changes_nothing(path: str, data: dict[str, Any]) -> None:
    """Neither a path nor a wildcard minds what a text holds; each gives the same again."""
    before = repr(data)
    for read in (compile_path(path), compile_members(path + ".*"), compile_members("*"), compile_null_check(path)):
        assert repr(read(data)) == repr(read(data))
    assert before == repr(data)


@given(st.dictionaries(TEXTS, JSON, max_size=3), st.lists(st.sampled_from(["x", "y", "0"]), max_size=3))
def test_path_when_a_level_is_written_as_json_finds_the_same(data: dict[str, Any], parts: list[str]) -> None:
    """An object and its text are one to a path."""
    inner: Any = copy.deepcopy(data)
    for part in reversed(parts):
        inner = {part: inner}
    try:
        text = json.dumps(inner, allow_nan=False)
    except ValueError:
        return
    for key in data:
        if "." not in key:
            path = ".".join(["t", *parts, key])
            assert repr(compile_path(path)({"t": inner})) == repr(compile_path(path)({"t": text}))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("*", True),
        ("a.*", True),
        ("a.b.*", True),
        ("a", False),
        ("a*", False),
        ("*.a", False),
        ("a.*.b", False),
        ("", False),
    ],
)
def test_wildcard_when_it_is_the_last_part_is_one(path: str, *, expected: bool) -> None:
    """Anything else with a star in it is a name."""
    assert expected is is_wildcard(path)


def test_wildcard_when_members_are_of_every_kind_gives_scalars_and_lists_of_them() -> None:
    """Each under its own name and in the record's order; what is null is none, so that it never clears."""
    members = {"text": "x", "n": 0, "f": 1.5, "no": False, "dotted.name": 1, " blanks ": 2, "list": ["a", None, 3]}
    others = {
        "null": None,
        "blank": " ",
        "empty": "",
        "object": {"a": 1},
        "none": [],
        "nulls": [None, ""],
        "deep": [[1]],
    }
    mixed = {**members, **others, "objects": [{"a": 1}], "mixed": [1, {"a": 1}], "last": "y"}
    expected = list({**members, "last": "y"}.items())
    assert expected == list(compile_members("*")(mixed).items())
    assert expected == list(compile_members("a.b.*")({"a": {"b": mixed}}).items())
    assert expected == list(compile_members("a.*")({"a": json.dumps(mixed)}).items())


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": None},
        {"a": ""},
        {"a": "x"},
        {"a": 5},
        {"a": [1, 2]},
        {"a": "[1]"},
        {"a": "{broken"},
        {"a": {}},
        {"b": {"c": 1}},
    ],
)
def test_wildcard_when_there_is_no_object_has_no_members(data: dict[str, Any]) -> None:
    """Neither a list nor a text that holds none has members with names."""
    assert {} == compile_members("a.*")(data)


def test_wildcard_when_the_longest_key_is_no_object_takes_the_next_that_is_one() -> None:
    """A literal key that does not hold the rest hides nothing behind it."""
    data = {"a.b": "no object", "a": {"b": {"c": 1}}}
    assert {"c": 1} == compile_members("a.b.*")(data)
    assert {"d": 2} == compile_members("a.b.*")({**data, "a.b": {"d": 2}})


def test_wildcard_when_the_record_has_a_member_of_that_name_still_stands_for_all() -> None:
    """A column named `*` is a member like any other."""
    assert {"*": 1, "b": 2} == compile_members("*")({"*": 1, "b": 2})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"customer": None}, True),
        ({"customer": " "}, True),
        ({"customer": {"account": None}}, True),
        ({"customer.account": None}, True),
        ({"customer": '{"account": null}'}, True),
        ({}, False),
        ({"customer": {}}, False),
        ({"customer": {"account": {}}}, False),
        ({"customer": {"account": {"email": None}}}, False),
        ({"customer": 5}, False),
        ({"customer": []}, True),
    ],
)
def test_null_check_when_something_on_the_way_is_null_says_so(data: dict[str, Any], *, expected: bool) -> None:
    """A guest's customer is null: that is nobody, and no wrong path."""
    assert expected is compile_null_check("customer.account.email")(data)


def test_null_check_of_a_name_alone_says_no() -> None:
    """There is nothing on the way to it."""
    assert compile_null_check("email")({"email": None}) is False
