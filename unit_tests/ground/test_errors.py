"""The exception tree: its failure types, and what its texts must not hold."""

import inspect

import pytest

from destination_intercom import errors
from destination_intercom.errors import (
    AttemptError,
    ConfigurationError,
    DeliveryError,
    InputError,
    IntercomDestinationError,
    InternalError,
    MaybeSentError,
    NotSentError,
    StreamName,
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ConfigurationError, "config_error"),
        (DeliveryError, "transient_error"),
        (InputError, "system_error"),
        (InternalError, "system_error"),
        (NotSentError, "transient_error"),
        (MaybeSentError, "transient_error"),
    ],
)
def test_error_when_it_ends_a_sync_then_airbyte_learns_who_must_act(
    kind: type[IntercomDestinationError], expected: str
) -> None:
    """The failure type is that of the table in the design."""
    assert expected == kind("x").failure_type


def test_tree_when_drawn_in_the_docstring_then_it_is_the_classes_own() -> None:
    """Every exception of the module stands in its docstring."""
    kinds = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, IntercomDestinationError)
    ]
    assert [] == [name for name in kinds if name not in (errors.__doc__ or "")]
    assert [NotSentError, MaybeSentError] == AttemptError.__subclasses__()


def test_internal_error_when_made_from_an_exception_then_it_says_where_and_not_what() -> None:
    """A bug's own text may quote a record."""
    with pytest.raises(ValueError, match="canary") as caught:
        int("canary-7f3a")
    told = str(InternalError.from_exception(caught.value))
    assert (True, False) == ("ValueError" in told, "canary" in told)
    # A module is named by its folder and file: many functions bear one name.
    assert "at ground.test_errors.test_internal_error_when_made" in told


def test_internal_error_when_the_exception_was_never_raised_then_the_place_is_unknown() -> None:
    """Without a traceback there is no place to name."""
    assert "unknown place" in str(InternalError.from_exception(KeyError("canary")))


@pytest.mark.parametrize(
    ("stream", "expected"), [(StreamName("events"), "events"), (StreamName("events", "shop"), "shop.events")]
)
def test_stream_name_when_shown_then_its_namespace_comes_first(stream: StreamName, expected: str) -> None:
    """As Airbyte writes it."""
    assert expected == str(stream)
