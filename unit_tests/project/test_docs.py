"""The documentation says what is so: its tables, examples and commands are held against the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import errors, outcomes
from destination_intercom.configuration.config import parse_config
from destination_intercom.contacts.strangers import STRANGER_SECONDS
from destination_intercom.delivery.ledger import HOLD_SECONDS, Ledger
from destination_intercom.delivery.retry import CEILING_SECONDS, GIVE_UP_ON_ONE_SECONDS, GIVE_UP_SECONDS
from destination_intercom.destination import load_spec
from destination_intercom.events.sender import MAX_EVENTS, REFUSED_NAME_SECONDS
from destination_intercom.intercom import classify
from destination_intercom.intercom.answers import Answer, BodyKind
from destination_intercom.intercom.ca_certificates import VARIABLES
from destination_intercom.intercom.calls import Call, CreateContact, FindByExternalId, PostEvent, UpdateContact
from destination_intercom.intercom.classify import REJECTING, Verdict, judge
from destination_intercom.intercom.client import ANSWER_TIMEOUT, LARGEST_BODY
from destination_intercom.outcomes import FILTER_REASONS, REJECTION_REASONS
from destination_intercom.pipeline import GRACE_SECONDS, MAX_BYTES_IN_FLIGHT
from destination_intercom.properties import compile_property
from destination_intercom.rejects.collector import AGE_SECONDS, OBJECT_BYTES
from destination_intercom.run import HEEDED, SIGNALLED
from destination_intercom.values import TRIM_REASONS
from integration_tests.demo.demo import NEXT

ROOT = Path(__file__).resolve().parents[2]
USER_PAGE = "docs/intercom.md"
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    USER_PAGE,
    "docs/emulator.md",
    "docs/recipes.md",
    "docs/logs.md",
    "docs/test-streams.md",
    "docs/performance.md",
)
SPEC = load_spec()["connectionSpecification"]

_SHARED = re.compile(
    r"^.*\.(?=(?:filters|metadata)\[\])|(?:(?<=^users\.)|(?<=^companies\.))streams\[\]\.(?=attributes\[\])"
)
"""Filters, metadata and attributes have the same entries wherever they are listed; the page explains them once."""


def read(page: str) -> str:
    """Read a page of the documentation."""
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Cut the section under `heading` out of a page, up to the next heading of any level."""
    parts = re.split(r"^(#+ .*)$", read(page), flags=re.MULTILINE)
    found = [text for title, text in zip(parts[1::2], parts[2::2], strict=True) if title.lstrip("# ") == heading]
    assert len(found) == 1, f"{page} has {len(found)} sections {heading}"
    return found[0]


def rows(text: str) -> list[list[str]]:
    """Read the cells of all tables in a text, heads and rulers left out."""
    lines = text.splitlines()
    ruled = {number for number, line in enumerate(lines) if re.fullmatch(r"\|(?:-+\|)+", line.replace(" ", ""))}
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for number, line in enumerate(lines)
        if line.startswith("|") and number not in ruled and number + 1 not in ruled
    ]


def blocks(page: str, language: str) -> list[str]:
    """Read the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), flags=re.MULTILINE | re.DOTALL)


def fields(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Walk the fields of all levels: path, schema, and whether the field is required."""
    for variant in [schema, *schema.get("oneOf", [])]:
        for name, field in variant.get("properties", {}).items():
            path = f"{prefix}{name}"
            yield path, field, name in variant.get("required", [])
            yield from fields(field, f"{path}.")
            yield from fields(field.get("items", {}), f"{path}[].")


def documented_fields() -> dict[str, list[str]]:
    """Read the rows of the user page's field tables: name -> title, meaning, default."""
    text = read(USER_PAGE)
    configuration = text[text.index("\n## Configuration\n") : text.index("\n## How records become")]
    return {row[0].strip("`"): row[1:] for row in rows(configuration)}


def is_group(field: dict[str, Any]) -> bool:
    """Say whether a field only holds others and so has a heading in the place of a row."""
    return field.get("type") == "object"


LEAVES = [(path, field, required) for path, field, required in fields(SPEC) if not is_group(field)]


def test_user_page_when_the_spec_has_a_field_then_a_row_explains_it_and_no_other() -> None:
    """Every field of the specification, at every level, has a row; no row explains a field that does not exist."""
    expected = {_SHARED.sub("", path) for path, _, _ in LEAVES}

    assert expected == set(documented_fields())


@pytest.mark.parametrize(("path", "field", "required"), LEAVES, ids=[path for path, _, _ in LEAVES])
def test_user_page_when_a_row_explains_a_field_then_title_default_and_values_are_the_specs(
    path: str, field: dict[str, Any], required: bool
) -> None:
    """A row tells the title of the form, the default, and each value that the field may have."""
    title, meaning, default = documented_fields()[_SHARED.sub("", path)]
    values = field.get("enum", [field["const"]] if "const" in field else [])

    assert field.get("title", "–") == title
    assert _shown_default(path, field, required=required) == default
    assert all(f"`{value}`" in meaning for value in values)


def _shown_default(path: str, field: dict[str, Any], *, required: bool) -> str:
    if "const" in field:
        # The variant that stands for an absent section is the one that may leave its constant out.
        [constant] = [other["const"] for place, other, needed in LEAVES if place == path and not needed]
        return f"`{constant}`"
    if required:
        return "required"
    if "default" not in field:
        return "none"
    default = field["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, field in SPEC["properties"].items()])
def test_pages_when_the_spec_has_a_section_then_both_name_it(name: str, field: dict[str, Any]) -> None:
    """README.md names each section, and the user page has a heading for each that holds fields."""
    assert re.search(rf'[`"]{name}[`"]', read("README.md"))
    if is_group(field):
        assert f"\n### `{name}`: {field['title']}\n" in read(USER_PAGE)


@pytest.mark.parametrize(("page", "heading"), [("README.md", "Outcomes"), (USER_PAGE, "Outcomes")])
def test_outcome_table_when_read_then_equals_the_codes(page: str, heading: str) -> None:
    """The tables of outcomes are the one in the docstring of `outcomes`, which names every outcome."""
    expected = rows(outcomes.__doc__ or "")

    assert {status.value for status in outcomes.Status} == {row[0] for row in expected}
    assert expected == rows(section(page, heading))


@pytest.mark.parametrize("status", outcomes.Status)
def test_outcome_table_when_it_says_where_an_outcome_counts_then_the_state_counts_it_there(
    status: outcomes.Status,
) -> None:
    """The second column is what a state's `destinationStats` hold after one record of that outcome."""
    [counts_as] = [row[1] for row in rows(section(USER_PAGE, "Outcomes")) if row[0] == status.value]
    ledger = Ledger(stop_after_rejected=0)
    entry = ledger.enter(errors.StreamName("events"), parts=1, size=1)
    ledger.state(b"{}", None)
    ledger.conclude(entry, outcomes.Outcome(status))
    ledger.end_input()
    [released] = ledger.release(0.0)

    told = {"recordCount": released.record_count, "rejectedRecordCount": released.rejected_record_count}
    assert {"recordCount": 0, "rejectedRecordCount": 0, counts_as: 1} == told


@pytest.mark.parametrize(
    ("heading", "reasons"),
    [
        ("Filtered", FILTER_REASONS),
        ("Rejected", REJECTION_REASONS),
        ("Values that are not sent as they are", TRIM_REASONS),
    ],
)
def test_reason_table_when_read_then_equals_the_codes_and_has_a_cure(heading: str, reasons: dict[str, str]) -> None:
    """The tables of reasons hold what the code knows, in its order and words, and a cure for each."""
    table = rows(section(USER_PAGE, heading))

    assert [[f"`{reason}`", meaning] for reason, meaning in reasons.items()] == [row[:2] for row in table]
    assert all(len(row) == 3 and row[2] for row in table)


def test_failure_table_when_read_then_equals_the_exceptions() -> None:
    """The failure types are those of the exceptions that reach the user."""
    raised = (errors.ConfigurationError, errors.DeliveryError, errors.InputError, errors.InternalError)

    documented = {row[0].strip("`") for row in rows(section(USER_PAGE, "Failures of a sync"))}

    assert {error.failure_type for error in raised} == documented


def _verdicts(status: int, kind: BodyKind, body: Any) -> set[Verdict]:
    """Judge an answer to each call that a record causes."""
    calls: list[Call] = [PostEvent({}), CreateContact({}), UpdateContact("1", {}), FindByExternalId("1")]
    return {judge(call, Answer(status, kind, body)).verdict for call in calls}


def _numbers(text: str) -> set[int]:
    return {int(each) for each in re.findall(r"\b\d{3}\b", text)}


ENVELOPE: dict[str, Any] = {"type": "error.list", "errors": [{"code": "some_code"}]}
STATUSES = [status for status in range(100, 600) if status not in (200, 202)]


def test_failure_table_when_it_names_statuses_then_they_are_those_that_end_a_sync() -> None:
    """Intercom's own refusals of the token, the subscription and the app, and no others."""
    [row] = [row for row in rows(section(USER_PAGE, "Failures of a sync")) if row[0] == "`config_error`"]

    fatal = {status for status in STATUSES if _verdicts(status, "json", ENVELOPE) == {Verdict.FATAL}}
    assert fatal == _numbers(row[1])


def test_retries_when_the_page_names_statuses_then_they_are_the_codes() -> None:
    """What rejects a record, what is tried again, and that HTML and redirects never reject one."""
    text = " ".join(section(USER_PAGE, "Failures of a sync").split())
    tried = re.search(r"The connector retries (.*?)\. The delay", text)
    rejecting = re.search(r"Only ([\d, and]+) in Intercom's own error format reject a record", text)

    assert tried is not None
    assert rejecting is not None
    rejected = {status for status in STATUSES if _verdicts(status, "json", ENVELOPE) == {Verdict.ANSWER}}
    assert rejected == REJECTING == _numbers(rejecting[1])
    assert all(
        _verdicts(status, "json", ENVELOPE) <= {Verdict.RETRY, Verdict.THROTTLED}
        for status in {*_numbers(tried[1]), *range(500, 600), *range(300, 400)}
    )
    assert all(word in tried[1] for word in ("5xx", "HTML answers of any status", "redirects"))
    assert all(_verdicts(status, "other", None) <= {Verdict.RETRY, Verdict.THROTTLED} for status in range(100, 600))


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Outcomes", ("after ten minutes", "more than 16 MB", "the last 100,000 events")),
        ("Limitations", ("for five minutes", "After five minutes it is tried again")),
        ("Failures of a sync", ("about ten minutes", "twenty on one call", "from one second, doubling to thirty")),
        ("Proxies and certificates", ("a minute to arrive", "32 MB", "`REQUESTS_CA_BUNDLE`")),
        ("Stopping a sync", ("20 seconds", "143 or 130")),
        ("Rejected records in object storage", ("ten seconds old", "they are 8 MB", "after ten minutes of trying")),
    ],
)
def test_page_when_it_tells_a_bound_then_it_is_the_codes(heading: str, words: tuple[str, ...]) -> None:
    """Seconds, minutes and sizes that a user may count on."""
    text = " ".join(section(USER_PAGE, heading).split())

    assert [] == [word for word in words if word not in text]
    assert (300.0, 300.0, 100_000) == (STRANGER_SECONDS, REFUSED_NAME_SECONDS, MAX_EVENTS)
    assert (600.0, 16 * 2**20) == (HOLD_SECONDS, MAX_BYTES_IN_FLIGHT // 2)
    assert (600.0, 1200.0, 30.0) == (GIVE_UP_SECONDS, GIVE_UP_ON_ONE_SECONDS, CEILING_SECONDS)
    assert (60.0, 32 * 2**20, 20.0) == (ANSWER_TIMEOUT, LARGEST_BODY, GRACE_SECONDS)
    assert (10.0, 8 * 2**20) == (AGE_SECONDS, OBJECT_BYTES)
    assert VARIABLES[0] == "REQUESTS_CA_BUNDLE"
    assert [143, 130] == [SIGNALLED + number for number in HEEDED]


def test_verdict_table_when_read_in_the_code_then_each_verdict_has_a_row() -> None:
    """The table in the docstring of `classify` names every verdict."""
    assert {verdict.value for verdict in Verdict} == {row[1] for row in rows(classify.__doc__ or "")}


def _json_blocks() -> Iterator[Any]:
    for page in PAGES:
        for number, block in enumerate(blocks(page, "json"), start=1):
            yield pytest.param(block, id=f"{page}-{number}")


@pytest.mark.parametrize("block", list(_json_blocks()))
def test_example_when_it_is_a_configuration_then_it_is_valid(block: str) -> None:
    """Every JSON example parses, and each that has a section of the configuration is a valid configuration."""
    document = json.loads(block)

    if document.keys() & SPEC["properties"].keys():
        parse_config(document)


@pytest.mark.parametrize("page", ["README.md", USER_PAGE, "docs/emulator.md"])
def test_page_when_it_explains_the_configuration_then_it_shows_one(page: str) -> None:
    """The pages hold configurations at all, so that the test of examples has something to test."""
    assert [block for block in blocks(page, "json") if "access_token" in block]


@pytest.mark.parametrize("page", PAGES)
def test_make_target_when_a_page_names_it_then_it_exists(page: str) -> None:
    """What a page tells the reader to make can be made."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    commands = re.findall(r"(?:^|`)make ((?:[A-Z]+=\S+ )?[a-z-]+)\b", read(page), flags=re.MULTILINE)
    named = {command.split()[-1] for command in commands}

    assert named <= targets
    assert named or page not in {"README.md", "CONTRIBUTING.md"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_python_versions_when_a_page_names_them_then_they_are_the_packages(page: str) -> None:
    """The first and the last Python that a page names are the limits of `python_requires`."""
    named = {tuple(map(int, each)) for each in re.findall(r"Python 3\.(\d+) to 3\.(\d+)", read(page))}
    limits = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", _setup_argument("python_requires"))

    assert limits is not None
    assert {(int(limits[1]), int(limits[2]) - 1)} == named


def _setup_argument(name: str) -> str:
    calls = [node for node in ast.walk(ast.parse(read("setup.py"))) if isinstance(node, ast.Call)]
    call = next(node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "setup")
    value: str = next(ast.literal_eval(each.value) for each in call.keywords if each.arg == name)
    return value


@pytest.mark.parametrize("page", PAGES)
def test_link_when_it_is_relative_then_its_target_exists(page: str) -> None:
    """Links between pages lead to a file, and to a heading of it where they name one."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", read(page)):
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _said() -> str:
    """Read all that the connector's code says; a value stands as `…`."""
    said = []
    for path in sorted((ROOT / "destination-intercom" / "destination_intercom").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                said.append("".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    return "\n".join(said)


def test_troubleshooting_when_it_quotes_a_message_then_the_code_says_it() -> None:
    """Whoever looks for the words of a log finds them on the page."""
    said = _said()
    quoted = re.findall(r'^\| "(.+?)" \|', section(USER_PAGE, "Troubleshooting"), flags=re.MULTILINE)
    pieces = [piece.strip(' "') for quote in quoted for piece in re.split("…|1000", quote)]

    assert 8 < len(quoted)
    assert [] == [piece for piece in pieces if piece not in said]


RECIPES: dict[str, tuple[dict[str, Any], Any]] = {
    "join a first and a last name": ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
    "take the User ID, or else the e-mail address": ({"user_id": "", "email": "a@example.com"}, "a@example.com"),
    "negate a consent": ({"accepts_marketing": False}, True),
    "replace values": ({"plan_id": "2"}, "Pro"),
    "read the first of a list": ({"emails": [{"email": "a@example.com"}]}, "a@example.com"),
    "read a member by what it is": (
        {"emails": [{"email": "a@example.com"}, {"email": "b@example.com", "primary": True}]},
        "b@example.com",
    ),
    "join a list": ({"tags": ["a", "b"]}, "a; b"),
    "name an event": ({"status": "paid"}, "Order paid"),
    "make a time of two columns": ({"day": "2026-01-31", "hour": "13:00"}, 1_769_860_800),
    "read seconds that do not look like a time": ({"born": 86_400}, 86_400),
    "write a time as a text": ({"created_at": "2026-01-31T13:00:00Z"}, "31 January 2026"),
    "read JSON in a text": ({"settings": '{"theme": "dark"}'}, "dark"),
}
"""A record for each recipe of the user page, and what the recipe makes of it."""


def test_recipes_when_used_on_a_record_then_do_what_they_say() -> None:
    """Each is a template that a user will copy."""
    text = section(USER_PAGE, "Templates")
    recipes: dict[str, str] = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", text, flags=re.MULTILINE))
    recipes.pop("to …", None)

    made = {
        purpose: compile_property(cell.replace("\\|", "|"))(RECIPES[purpose][0]) for purpose, cell in recipes.items()
    }

    assert {purpose: made for purpose, (_, made) in RECIPES.items()} == made


def test_end_of_the_demo_names_pages_and_sections_that_are_there() -> None:
    """It says where to look next."""
    named = re.findall(r'((?:README|docs/\w+)\.md)(?:, "([^"]+)")?', NEXT)
    assert {"README.md", USER_PAGE, "docs/recipes.md", "docs/emulator.md"} == {page for page, _ in named}
    for page, heading in named:
        assert read(page)
        if heading:
            section(page, heading)
