"""The configured catalog: read as it comes, or refused in words of its own."""

import contextlib

import pytest
from hypothesis import given

from destination_intercom.airbyte.catalog import CatalogStream, parse_catalog
from destination_intercom.errors import ConfigurationError, StreamName
from unit_tests.strategies import JSON


def test_catalog_when_configured_tells_name_namespace_schema_and_mode() -> None:
    """Other keys of a configured catalog do not matter."""
    document = {
        "streams": [
            {"stream": {"name": "s", "namespace": "n", "json_schema": {"x": 1}}, "destination_sync_mode": "overwrite"},
            {"stream": {"name": "t", "namespace": None}, "destination_sync_mode": "append_dedup", "odd": []},
            {"stream": {"name": "u", "namespace": ""}},
        ]
    }
    expected = [
        CatalogStream(StreamName("s", "n"), {"x": 1}, overwrite=True),
        CatalogStream(StreamName("t"), {}, overwrite=False),
        CatalogStream(StreamName("u"), {}, overwrite=False),
    ]
    assert expected == parse_catalog(document)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"streams": None}, {"streams": {}}])
def test_catalog_that_is_none_is_a_configuration_error(document: object) -> None:
    """As one that is no JSON: another attempt with it would end the same."""
    with pytest.raises(ConfigurationError, match="no list of streams"):
        parse_catalog(document)


@pytest.mark.parametrize("entry", [None, "x", {}, {"stream": None}, {"stream": {}}, {"stream": {"name": 5}}])
def test_catalog_entry_without_a_name_is_told_by_its_number(entry: object) -> None:
    """Nothing else is known of it."""
    with pytest.raises(ConfigurationError, match="stream 2 has no name"):
        parse_catalog({"streams": [{"stream": {"name": "ok"}}, entry]})


def test_catalog_without_streams_is_a_configuration_error() -> None:
    """The user selected nothing."""
    with pytest.raises(ConfigurationError, match="select at least one stream"):
        parse_catalog({"streams": []})


@given(JSON)
def test_catalog_of_any_json_raises_only_our_errors_and_stays_as_it_was(document: object) -> None:
    """Whatever the file holds, it is read or refused."""
    for candidate in (document, {"streams": document}, {"streams": [{"stream": document}]}):
        before = repr(candidate)
        with contextlib.suppress(ConfigurationError):
            assert all(isinstance(stream.name.name, str) for stream in parse_catalog(candidate))
        assert before == repr(candidate)
