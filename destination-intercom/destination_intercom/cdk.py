"""The connector for tools that go through Airbyte's CDK: a thin adapter onto the same commands.

The CDK drops `state.id`, does not flush, and logs bad lines whole, so `run` is our own.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
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
from destination_intercom.clock import SystemClock
from destination_intercom.errors import IntercomDestinationError
from destination_intercom.mailbox import Mailbox
from destination_intercom.run import main


class DestinationIntercom(Destination):
    """Sends selected events and user properties to Intercom."""

    def run(self, args: list[str]) -> None:
        """Run a command as the console script does; ends the process with an error's exit code."""
        if (code := main(args)) != 0:
            sys.exit(code)

    def spec(self, *_args: Any, **_kwargs: Any) -> ConnectorSpecification:
        """Give the specification of the configuration."""
        return ConnectorSpecificationSerializer.load(destination.load_spec())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Check a configuration against Intercom."""
        status = AirbyteConnectionStatus(status=Status.FAILED)
        for line in destination.check(dict(config), clock=SystemClock()):
            message = AirbyteMessageSerializer.load(orjson.loads(line))
            if message.log is not None:
                logger.info(message.log.message)
            status = message.connectionStatus or status
        return status

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterator[AirbyteMessage]:
        """Deliver messages; what the CDK's classes do not know of a state is already lost on the way in."""
        clock = SystemClock()
        lines = destination.write(
            dict(config),
            ConfiguredAirbyteCatalogSerializer.dump(configured_catalog),
            stdin=_MessageReader(input_messages),
            clock=clock,
            mailbox=Mailbox(clock),
        )
        try:
            for line in lines:
                yield AirbyteMessageSerializer.load(orjson.loads(line))
        except IntercomDestinationError as error:
            raise _traced(error) from None


class _MessageReader:
    """Gives messages out as the bytes of the lines that they once were."""

    def __init__(self, messages: Iterable[AirbyteMessage]) -> None:
        self._messages = iter(messages)

    def read(self, _size: int, /) -> bytes:
        for message in self._messages:
            return _dump(AirbyteMessageSerializer.dump(message)) + b"\n"
        return b""


def _dump(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:
        # orjson knows no integers beyond 64 bits and no lone surrogates; JSON does.
        return json.dumps(document).encode()


def _traced(error: IntercomDestinationError) -> AirbyteTracedException:
    stream = error.stream
    return AirbyteTracedException(
        message=error.message,
        internal_message=f"{type(error).__name__}: {error.message}",
        failure_type=FailureType(error.failure_type),
        stream_descriptor=None if stream is None else StreamDescriptor(name=stream.name, namespace=stream.namespace),
    )
