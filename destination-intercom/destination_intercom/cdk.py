"""The connector for tools that go through Airbyte's CDK: a thin adapter onto the same commands.

The CDK drops `state.id`, does not flush, and logs bad lines whole, so `run` is our own. Tools that come
in below it find our own steps too, where the CDK's would quote values of the configuration, copy it to
another file, token and all, or log what they read.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    FailureType,
    Status,
    StreamDescriptor,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_intercom import destination
from destination_intercom.airbyte.reader import Stdin
from destination_intercom.clock import SystemClock
from destination_intercom.commands import read_json
from destination_intercom.configuration.config import parse_config
from destination_intercom.deep_json import dump_exactly, parse_exactly
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError, IntercomDestinationError, InternalError
from destination_intercom.run import main


class DestinationIntercom(Destination):
    """Sends selected events and user properties to Intercom."""

    def run(self, args: list[str]) -> None:
        """Run a command as the console script does; ends the process with an error's exit code."""
        if (code := main(args)) != 0:
            sys.exit(code)

    @staticmethod
    def read_config(config_path: str) -> dict[str, Any]:
        """Read a configuration, and judge it before the CDK does."""
        document = _read(config_path, "configuration")
        try:
            parse_config(document)
        except ConfigurationError:
            return _Refused(document)
        return dict(document)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Take the configuration as it was read; the CDK's own would copy it into `temp_dir`."""
        return config

    def spec(self, *_args: Any, **_kwargs: Any) -> ConnectorSpecification:
        """Give the specification of the configuration."""
        return ConnectorSpecificationSerializer.load(destination.load_spec())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Check a configuration against Intercom."""
        status = AirbyteConnectionStatus(status=Status.FAILED)
        for message in _messages(destination.check(_document(config), clock=SystemClock())):
            if message.log is not None:
                logger.log(getattr(logging, message.log.level.value), message.log.message)
            status = message.connectionStatus or status
        return status

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterator[AirbyteMessage]:
        """Deliver messages; what the CDK's classes do not know of a state is already lost on the way in."""
        return _deliver(
            _document(config),
            ConfiguredAirbyteCatalogSerializer.dump(configured_catalog),
            _MessageReader(input_messages),
        )

    def _run_write(
        self, config: Mapping[str, Any], configured_catalog_path: str, input_stream: io.TextIOWrapper
    ) -> Iterator[AirbyteMessage]:
        """Deliver the lines of a stream; the CDK's own logs one that is no JSON, whole, and goes on."""
        buffer = cast(io.BufferedReader, input_stream.buffer)
        # A stream in memory has nothing below it.
        stdin = getattr(buffer, "raw", buffer)
        return _deliver(_document(config), _read(configured_catalog_path, "catalog"), stdin)


class _Refused(dict[str, Any]):
    """A configuration that we refuse, in the guise of one that the specification takes.

    The CDK holds a configuration to the specification before it asks the connector; so it does ask,
    and the answer is in our words.
    """

    def __init__(self, document: Any) -> None:
        super().__init__({"access_token": "a refused configuration"})
        self.document = document


def _document(config: Mapping[str, Any]) -> Any:
    return config.document if isinstance(config, _Refused) else dict(config)


def _read(path: str, what: str) -> Any:
    try:
        return read_json(path, what)
    except ConfigurationError as error:
        raise _traced(error) from None


def _deliver(document: Any, catalog: Any, stdin: Stdin) -> Iterator[AirbyteMessage]:
    clock = SystemClock()
    return _messages(destination.write(document, catalog, stdin=stdin, clock=clock, mailbox=Mailbox(clock)))


def _messages(lines: Iterable[bytes]) -> Iterator[AirbyteMessage]:
    """Make the CDK's messages of our lines, and its exceptions of ours and of our bugs."""
    try:
        for line in lines:
            # A state may hold what the fast parser refuses or rounds.
            yield AirbyteMessageSerializer.load(parse_exactly(line.decode()))
    except IntercomDestinationError as error:
        raise _traced(error) from None
    except Exception as error:  # noqa: BLE001 - the CDK would tell its text, which may quote a record
        raise _traced(InternalError.from_exception(error)) from None


class _MessageReader:
    """Gives messages out as the bytes of the lines that they once were."""

    def __init__(self, messages: Iterable[AirbyteMessage]) -> None:
        self._messages = iter(messages)

    def read(self, _size: int, /) -> bytes:
        for message in self._messages:
            return dump_exactly(AirbyteMessageSerializer.dump(message)) + b"\n"
        return b""


def _traced(error: IntercomDestinationError) -> AirbyteTracedException:
    stream = error.stream
    return AirbyteTracedException(
        message=error.message,
        internal_message=f"{type(error).__name__}: {error.message}",
        failure_type=FailureType(error.failure_type),
        stream_descriptor=None if stream is None else StreamDescriptor(name=stream.name, namespace=stream.namespace),
    )
