"""Every error that ends a command: what it says, and who can do what about it.

The table has a row for each message of the sources. A message that is in no row, or whose row names a cure that it
does not say, fails: nobody is to read what went wrong without what to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "destination-intercom" / "destination_intercom"
ERRORS = {"ConfigurationError", "DeliveryError", "InputError", "InternalError"}
IN_CONFIGURATION = {"ValueError", "EntryError"}
LONGEST = 400

USER, SOURCE_SIDE, MACHINE, NOBODY, MAKERS = "user", "source", "machine", "nobody", "makers"
"""Who can do something: whoever fills in the form, whoever runs the source, whoever runs the machine; nobody, for the
next sync goes on; those who make the connector."""

ROWS = [
    # words of the message, who, the cure as it says it
    ("it has no list of streams", USER, "Use the connection's catalog"),
    ("The catalog has no streams", USER, "select at least one stream"),
    ("has no name. Use", USER, "Use the connection's catalog"),
    ("is a RECORD without a stream or without data", SOURCE_SIDE, "check what the source sends"),
    ("is JSON, but not an Airbyte message", SOURCE_SIDE, "check what the source sends"),
    ("is a STATE without a state", SOURCE_SIDE, "check what the source sends"),
    ("is a STATE of type STREAM without a stream", SOURCE_SIDE, "check what the source sends"),
    ("is not JSON, is incomplete", SOURCE_SIDE, "check what the source sends"),
    ("is too long for a message", SOURCE_SIDE, "check what the source sends"),
    ("The input could not be read to its end", MACHINE, "run the sync again"),
    ("which the catalog does not have", USER, "Its streams are"),
    ("file cannot be read", USER, "check its path"),
    ("{} cannot be read ({}): check its path", USER, "check its path"),
    ("{} cannot be read ({}): check it, and", MACHINE, "run the replay again"),
    ("{} cannot be read ({}): check its name", USER, "check its name"),
    ("There are no objects in", USER, "check its path"),
    ("is no file: write what it gives to a file", USER, "write what it gives to a file"),
    ("is in a storage, and none is configured", USER, "set object_storage_config"),
    ("is in another bucket than", USER, "set s3_bucket_name"),
    ("is too long for a rejected record", USER, "check the object"),
    ("is damaged or cut off", MACHINE, "fetch the object again"),
    ("is not JSON, or is cut off", MACHINE, "fetch the object again"),
    ("is no rejected record", USER, "name the objects that the connector has stored"),
    ("are in no order", USER, "sort the lines by rejected_at"),
    ("file cannot be written", USER, "check its path"),
    ("file is not JSON", USER, "correct it"),
    ("must be a string", USER, "must be a string"),
    ("a template needs a name before it", USER, "as in name = "),
    ("write the property after the type", USER, "write the property"),
    ('there is no name before "="', USER, "there is no name before"),
    ('there is no property after "="', USER, "there is no property after"),
    ("the type must be one of", USER, "the type must be one of"),
    ("give one of the two another name", USER, "give one of the two another name"),
    ("The configuration is not a JSON object", USER, "give one"),
    ("set either event_name (one fixed name)", USER, "set either"),
    ("selected_events is required", USER, "exact names, or patterns"),
    ("event names are selected, but", USER, "select fewer"),
    ("streams is empty", USER, "name the streams"),
    ("access_token is empty", USER, "copy it again"),
    ("events, users and companies are all disabled", USER, "enable one of them"),
    ("this name is renamed twice", USER, "remove one of the two"),
    ("is written only together with an email", USER, "select email too"),
    ("users.create_as lead needs the e-mail address", USER, "set intercom_field to email"),
    ("not_before must be a time", USER, "such as"),
    ("greater_than and less_than take a number or a time", USER, "such as"),
    ("greater_than and less_than take exactly one value", USER, "take exactly one value"),
    ("metadata keys of an event: select", USER, "select no more"),
    ("needs one * here", USER, "as in stripe_*"),
    ("can contain a * only if", USER, "only if the property ends in one"),
    ("a template needs a name: set", USER, "set"),
    ("because the property does not end in a name", USER, "set"),
    ("without any of", USER, "set"),
    ("members of * have no", USER, "name a property"),
    ("members of * have neither", USER, "name a property"),
    ("are only for the type money", USER, "are only for the type money"),
    ("set either currency_property", USER, "set either"),
    ("Intercom accepts a time only if its name", USER, "set"),
    ("in one of the two", USER, "set"),
    ("overwrite only_true is for", USER, "is for properties that are true or false"),
    ("overwrite if_empty does not work here", USER, "does not work here"),
    ("takes no values", USER, "takes no values"),
    ("needs at least one value", USER, "needs at least one value"),
    ("stands for many", USER, "name one here"),
    ("mode replace needs a prefix", USER, "or set mode to add"),
    ("only a property can take tags off", USER, "name a property"),
    ("must be an https address", USER, "must be an https address"),
    ("is not an address that can be called", USER, "correct it"),
    ("must not contain a user", USER, "must not contain a user"),
    ("bucket_path can have at most", USER, "at most"),
    ("bucket_path must be a path", USER, "such as"),
    ("belong together", USER, "set both, or neither"),
    ("s3_bucket_name must be 3 to 255", USER, "letters, digits"),
    ("s3_bucket_region must be a name", USER, "such as"),
    ("{} is empty or contains invalid characters", USER, "copy it again"),
    ("s3_bucket_region is required", USER, "such as"),
    ("and the type is unknown", USER, "set it"),
    ("says neither that it reads nor that it writes", MAKERS, "report this"),
    ("no more records are rejected for this", NOBODY, "the next sync continues from there"),
    ("the mapping looks wrong", USER, "delivery.stop_after_rejected sets this number"),
    ("Intercom has not answered as it should for", NOBODY, "the next sync continues from there"),
    ("Intercom does not do what the sync needs", NOBODY, "the next sync continues from there"),
    ("does not name a readable file or folder of PEM certificates", MACHINE, "correct or unset it"),
    ("The request could not be made", MAKERS, "report this"),
    ("The proxy in the environment", MACHINE, "correct it"),
    ("than delivery.max_rejected_percent allows", USER, "Correct what the warnings in the log name"),
    ("than delivery.max_deletions allows", USER, "raise delivery.max_deletions"),
    ("Dry run finished", USER, "Set delivery.dry_run to false"),
    ("Rejected records could not be stored", MACHINE, "the next sync continues from there"),
    ("object_storage_config cannot be used as it is", USER, "check the bucket"),
    ("The connector met an unexpected", MAKERS, "report this"),
]
ASSEMBLED = {
    "{}",
    "{} ({}).",
    "{}.attributes: {}.",
    "{}{}",
    "The configuration is not valid: {}.",
    "{}.attributes: {}",
}
"""Messages that are put together of others, whose tests hold their cures (a permission, a region, an attribute)."""

BUILT = {"Intercom does not answer as it should ({}: {}): {}."}
"""Those whose cure depends on what failed: test_retry.py holds it."""


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
        return "".join(parts)
    return None


def _messages() -> Iterator[str]:
    """Find what errors say in the sources; a value stands as `{}`."""
    for path in sorted(SOURCE.rglob("*.py")):
        kinds = ERRORS | (IN_CONFIGURATION if path.parent.name == "configuration" else {"cls"})
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                text = _text(node.args[0])
                if text is not None and not (node.func.id == "cls" and "connector" not in text):
                    yield re.sub(r"\s+", " ", text)


MESSAGES = sorted(set(_messages()) - ASSEMBLED - BUILT)


@pytest.mark.parametrize("message", MESSAGES)
def test_message_of_an_error_is_in_the_table_with_a_cure_that_it_says(message: str) -> None:
    """Exactly one row is about it, and it is short enough to be read."""
    rows = [row for row in ROWS if row[0] in message]
    assert 1 == len(rows), f"{message!r} is in {len(rows)} rows"
    assert rows[0][2] in message
    assert len(message) <= LONGEST


def test_table_has_no_row_of_a_message_that_nobody_says() -> None:
    """It is no list of what once was."""
    assert [] == [row[0] for row in ROWS if not any(row[0] in message for message in MESSAGES)]
