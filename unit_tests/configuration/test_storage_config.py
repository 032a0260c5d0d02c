"""The section `object_storage_config`: what it takes, and that it gives no secret away."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.configuration.config import Config, parse_config
from destination_intercom.configuration.storage_config import S3, NoStorage
from destination_intercom.errors import ConfigurationError

CANARY = "canary-7f3a"
SECTION: dict[str, Any] = {
    "storage_type": "S3",
    "access_key_id": f"AKID{CANARY}",
    "secret_access_key": f"SECRET/{CANARY}",
    "s3_bucket_name": "refused",
    "s3_bucket_region": "eu-west-1",
}


def parse(section: Any) -> Config:
    """Parse a configuration with this section."""
    events = {"mode": "enabled", "selected_events": ["*"]}
    return parse_config({"access_token": "t", "events": events, "object_storage_config": section})


def parse_s3(**changes: Any) -> S3:
    """Parse the section with changes; None leaves a field out."""
    storage = parse({**SECTION, **changes}).object_storage_config
    assert isinstance(storage, S3)
    return storage


def test_storage_when_absent_or_none_then_nothing_is_stored() -> None:
    """The default, and Airbyte's word for it."""
    events = {"mode": "enabled", "selected_events": ["*"]}
    absent = parse_config({"access_token": "t", "events": events}).object_storage_config
    assert absent == parse({"storage_type": "None"}).object_storage_config == NoStorage()


def test_storage_when_it_has_the_least_then_the_rest_is_as_promised() -> None:
    """Lines of JSON, not compressed, at the top of the bucket, at Amazon's own address."""
    storage = parse_s3()
    assert ("JSONL", False, None, None) == (
        storage.format.format_type,
        storage.is_compressed,
        storage.bucket_path,
        storage.endpoint,
    )
    assert (SECTION["access_key_id"], SECTION["secret_access_key"]) == storage.keys


def test_storage_when_it_has_the_form_of_a_published_connector_then_it_is_taken() -> None:
    """The fields that the form leaves empty are absent ones."""
    storage = parse_s3(
        access_key_id="",
        secret_access_key=None,
        s3_endpoint="",
        bucket_path="prefix/",
        format={"format_type": "JSONL"},
        compression={"compression_type": "GZIP"},
    )
    assert (None, None, "prefix/", True) == (storage.keys, storage.endpoint, storage.bucket_path, storage.is_compressed)


def test_storage_when_it_has_an_endpoint_then_it_needs_no_region() -> None:
    """Stores of others have none."""
    storage = parse_s3(s3_endpoint="https://minio.example.com/", s3_bucket_region="")
    assert ("https://minio.example.com", None) == (storage.endpoint, storage.s3_bucket_region)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:1", "https://x.example.com:9"]
)
def test_endpoint_when_it_is_https_or_this_machine_then_it_is_taken(url: str) -> None:
    """As with Intercom's own address."""
    assert url == parse_s3(s3_endpoint=url).endpoint


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"s3_endpoint": "http://minio.example.com"},
            "s3_endpoint must be an https address, or an http address on this machine",
        ),
        ({"s3_endpoint": f"ftp://{CANARY}"}, "s3_endpoint must be an https address"),
        ({"s3_endpoint": f"https://{CANARY}:pw@x.example.com"}, "s3_endpoint must not contain a user"),
        ({"s3_endpoint": "https://x:99999999"}, "s3_endpoint must be an https address"),
        ({"s3_endpoint": "HTTPS://x.example.com"}, "s3_endpoint must be an https address"),
        ({"s3_bucket_region": None}, "s3_bucket_region is required"),
        ({"s3_bucket_region": "eu west"}, "s3_bucket_region must be a name such as us-east-1"),
        ({"s3_bucket_name": None}, "s3_bucket_name: this field is required"),
        ({"s3_bucket_name": f"{CANARY}/x"}, "s3_bucket_name must be 3 to 255 letters"),
        ({"access_key_id": None}, "access_key_id and secret_access_key belong together"),
        ({"secret_access_key": ""}, "access_key_id and secret_access_key belong together"),
        ({"secret_access_key": f"two {CANARY}"}, "secret_access_key is empty or contains invalid characters"),
        ({"access_key_id": f"\n{CANARY}\x00"}, "access_key_id is empty or contains invalid characters"),
        ({"bucket_path": "/rejected"}, "bucket_path must be a path such as rejected/intercom"),
        ({"bucket_path": "a//b"}, "bucket_path must be a path such as rejected/intercom"),
        ({"bucket_path": "a/../b"}, "bucket_path must be a path such as rejected/intercom"),
        ({"bucket_path": "a\nb"}, "bucket_path can have at most 256 characters and no line breaks"),
        ({"bucket_path": "x" * 257}, "bucket_path can have at most 256 characters"),
        # 256 characters, but 768 bytes: with the rest of it an object's name would have more than 1,024.
        ({"bucket_path": "\u65e5" * 256}, "bucket_path can have at most 256 characters"),
        ({"format": {"format_type": "CSV"}}, "object_storage_config.format.format_type: "),
        (
            {"compression": {"compression_type": "ZIP"}},
            '.compression.compression_type: must be "No Compression" or "GZIP"',
        ),
        (
            {"compression": {"compression_type": "GZIP", "x": 1}},
            "object_storage_config.compression.x: there is no such",
        ),
        ({"role_arn": CANARY}, "object_storage_config.role_arn: there is no such field"),
        ({"storage_type": "GCS"}, 'object_storage_config.storage_type: must be "None" or "S3"'),
        ({"storage_type": None}, 'object_storage_config.storage_type: must be "None" or "S3"'),
    ],
)
def test_storage_when_it_breaks_a_rule_then_it_is_refused_by_field_and_cure_without_its_values(
    changes: dict[str, Any], expected: str
) -> None:
    """The message names the field as the form does, and quotes nothing."""
    with pytest.raises(ConfigurationError) as caught:
        parse({**SECTION, **changes})
    assert expected in caught.value.message
    assert CANARY not in caught.value.message


def test_storage_when_none_has_fields_then_they_are_dropped() -> None:
    """They are what is left of the variant that was chosen before."""
    assert NoStorage() == parse({"storage_type": "None", "s3_bucket_name": 5, CANARY: CANARY}).object_storage_config


@pytest.mark.parametrize("compression", [{}, {"compression_type": "No Compression", "level": 9}])
def test_storage_when_its_objects_are_empty_then_they_are_the_defaults(compression: dict[str, Any]) -> None:
    """Airbyte's form sends {} for what nobody filled in."""
    emptied = {**SECTION, "format": {}, "compression": compression}
    plain = {name: value for name, value in SECTION.items() if name not in ("format", "compression")}
    assert parse(plain) == parse(emptied)


def test_config_when_shown_then_no_key_is_in_it() -> None:
    """A configuration may end up in a trace."""
    config = parse(SECTION)
    assert [] == [text for text in (repr(config), str(config), config.model_dump_json()) if CANARY in text]
