"""Every exception that the connector raises on purpose.

::

    IntercomDestinationError
    ├── ConfigurationError      config_error      the user must change something
    ├── DeliveryError           transient_error   retries are exhausted; a later attempt may succeed
    ├── InputError              system_error      what arrived on stdin is not the Airbyte protocol
    ├── InternalError           system_error      a bug of ours, without the values that it met
    ├── StorageError            transient_error   one attempt to store rejected records failed; tried again
    └── AttemptError            one attempt at a call got no usable answer; never reaches the user
        ├── NotSentError        the request surely did not reach Intercom
        │   └── UntrustedError  for the certificate was not accepted
        └── MaybeSentError      it may have been processed: a timeout, a reset, half an answer
            └── AnswerTooLargeError

A message holds field names, stream names, line numbers, statuses, codes and request ids.
It never holds a value of a record, a token or a body.
"""

from __future__ import annotations

import traceback
from typing import ClassVar, Literal, NamedTuple

FailureType = Literal["config_error", "transient_error", "system_error"]


class StreamName(NamedTuple):
    """A stream as the destination sees it: `namespace` is None where the source has none."""

    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return self.name if self.namespace is None else f"{self.namespace}.{self.name}"


class IntercomDestinationError(Exception):
    """The root of the tree; `failure_type` is Airbyte's, `stream` the one at fault, if one is."""

    failure_type: ClassVar[FailureType] = "system_error"

    def __init__(self, message: str, *, stream: StreamName | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.stream = stream


class ConfigurationError(IntercomDestinationError):
    """The configuration, the catalog or the token cannot work: the message names the field and the cure."""

    failure_type = "config_error"


class DeliveryError(IntercomDestinationError):
    """Intercom could not be reached, or did not answer as it should, for longer than is worth waiting.

    `status` is the last answer's, if there was one.
    """

    failure_type = "transient_error"

    def __init__(self, message: str, *, stream: StreamName | None = None, status: int | None = None) -> None:
        super().__init__(message, stream=stream)
        self.status = status


class InputError(IntercomDestinationError):
    """A line of the input is no protocol message; the message names the line by number only."""


class InternalError(IntercomDestinationError):
    """A bug of ours: where it happened, never what it happened to."""

    @classmethod
    def from_exception(cls, error: BaseException) -> InternalError:
        """Keep the type and the place of `error`; drop its text, which may quote a record."""
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        places = " < ".join(f"{_module_of(frame)}.{frame.name}:{frame.lineno}" for frame in reversed(frames))
        return cls(
            f"The connector met an unexpected {type(error).__name__} at {places or 'an unknown place'}:"
            " report this, it is a bug."
        )


def _module_of(frame: traceback.FrameSummary) -> str:
    """Name the module of a frame by its folder and file, such as `contacts.mapping`."""
    folders = frame.filename.removesuffix(".py").replace("\\", "/").split("/")
    return ".".join(folders[-2:]).removeprefix("destination_intercom.")


class StorageError(IntercomDestinationError):
    """One attempt to put an object into the storage, or to delete one, failed; `kind` says how, in a few words.

    `refusal` is the storage's own refusal of the credentials, the bucket or the like, explained for the user.
    """

    failure_type = "transient_error"

    def __init__(self, kind: str, *, refusal: str | None = None) -> None:
        super().__init__(f"the object storage did not do it ({kind})")
        self.kind = kind
        self.refusal = refusal


class AttemptError(IntercomDestinationError):
    """One attempt at a call ended without a usable answer; `kind` says how, in one word."""

    failure_type = "transient_error"

    def __init__(self, kind: str) -> None:
        super().__init__(f"no answer from Intercom ({kind})")
        self.kind = kind


class NotSentError(AttemptError):
    """The request surely did not reach Intercom: no address, connection refused, connect timeout."""


class UntrustedError(NotSentError):
    """The certificate of whoever answered was not accepted, so nothing was said."""


class MaybeSentError(AttemptError):
    """The request may have been processed: read timeout, reset, truncated or unreadable answer."""


class AnswerTooLargeError(MaybeSentError):
    """The answer was longer than any of Intercom's ought to be, and was not read to its end."""
