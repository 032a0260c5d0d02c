"""The list of Intercom's codes: of the connector's own endpoints, and all that the data at hand shows of them."""

import json
import re
from collections.abc import Callable, Collection

import pytest
import yaml

from integration_tests.contract import DESCRIPTION, PREVIEW, RECORDINGS, require_data
from unit_tests.endpoints import CALLS
from unit_tests.intercom.known_codes import ANY, KNOWN_CODES, Source

ENDPOINTS = {kind.endpoint for kind in CALLS}
Seen = set[tuple[str, int, str]]
"""Endpoint, its ids as stars, status and code."""


def _starred(endpoint: str) -> str:
    """Put a star for each id of a path: pages, descriptions and recordings name them differently."""
    return re.sub(r"\{\w+\}|(?<=/)[0-9a-f]{24}(?=/|$)", "*", endpoint)


OURS = {_starred(endpoint) for endpoint in ENDPOINTS}
LISTED: Seen = {(_starred(each.endpoint), each.status, each.code) for each in KNOWN_CODES}


def _described() -> Seen:
    """Read the examples of errors at our endpoints in Intercom's description."""
    return _read_examples(require_data(DESCRIPTION).read_bytes(), OURS)


def _described_of_bulk() -> Seen:
    """Read them in the description of the preview version, of what is in no other one."""
    in_bulk = {endpoint for endpoint in OURS if "/bulk" in endpoint}
    return _read_examples(require_data(PREVIEW).read_bytes(), in_bulk)


def _read_examples(content: bytes, endpoints: Collection[str]) -> Seen:
    description = yaml.load(content, yaml.CSafeLoader)
    return {
        (endpoint, int(status), error["code"])
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if (endpoint := _starred(f"{method.upper()} {path}")) in endpoints
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        for example in content.get("examples", {}).values()
        for error in example["value"].get("errors", [])
    }


def _recorded() -> Seen:
    """Read the errors of our endpoints among the recorded answers."""
    return {
        (endpoint, each["status"], error["code"])
        for each in json.loads(require_data(RECORDINGS).read_bytes())
        if (endpoint := _starred(f"{each['method']} {each['path']}")) in OURS and each["status"] >= 400
        for error in each["response"]["errors"]
    }


READERS = [(Source.DESCRIPTION, _described), (Source.PREVIEW, _described_of_bulk), (Source.RECORDED, _recorded)]


def test_known_codes_when_listed_then_each_once_and_of_an_endpoint_that_is_called() -> None:
    """What Intercom answers to others is nobody's business here, until the connector calls it."""
    assert set() == {each.endpoint for each in KNOWN_CODES} - ENDPOINTS - {ANY}
    assert len(LISTED) == len(KNOWN_CODES)


@pytest.mark.parametrize("read", [read for _, read in READERS])
def test_known_codes_when_the_data_shows_one_of_our_endpoints_then_it_is_listed(read: Callable[[], Seen]) -> None:
    """Nothing that is known for sure is left out."""
    shown = read()
    assert shown
    assert set() == {each for each in shown if not {each, (ANY, *each[1:])} & LISTED}


@pytest.mark.parametrize(("source", "read"), READERS)
def test_known_codes_when_one_names_the_data_as_its_source_then_it_is_there(
    source: Source, read: Callable[[], Seen]
) -> None:
    """A source that does not say so is none."""
    shown = read()
    claimed = {(_starred(each.endpoint), each.status, each.code) for each in KNOWN_CODES if each.source is source}
    assert claimed
    assert set() == claimed - shown - {(ANY, *each[1:]) for each in shown}
