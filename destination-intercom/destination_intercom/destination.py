"""The connector's commands: spec, check, and write as one straight line.

They give out lines of Airbyte's protocol and raise our errors; `run` and the CDK's adapter only
carry them. It knows nothing of how anything is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.resources import files
from typing import Any, Final

import orjson

from destination_intercom.airbyte.output import log_line, spec_line, status_line
from destination_intercom.airbyte.reader import Stdin, read_lines
from destination_intercom.assembly import SyncParts, make_client
from destination_intercom.attributes.definitions import list_definitions
from destination_intercom.clock import Clock
from destination_intercom.configuration.config import REGION_HOSTS, Config, parse_config
from destination_intercom.configuration.storage_config import S3, ObjectStorage
from destination_intercom.delivery.kinds import Kinds
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.delivery.retry import ask
from destination_intercom.errors import ConfigurationError, DeliveryError, IntercomDestinationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, GetMe, ListDataAttributes
from destination_intercom.intercom.client import Transport
from destination_intercom.intercom.quota import Quota
from destination_intercom.kinds import KindParts, make_kinds
from destination_intercom.models import COMPANY, CONTACT
from destination_intercom.rejects.objects import SCHEME, find_objects
from destination_intercom.rejects.rows import RejectedRows, find_rows, send_rows
from destination_intercom.rejects.s3 import Bucket
from destination_intercom.rejects.storage import KeptObjects, Storage, prefix_folder, prove
from destination_intercom.replaying import Replay

CHECK_TRIES: Final = 3
CHECK_SECONDS: Final = 15.0
CHECK_READ_TIMEOUT: Final = 7.0
"""Seconds that Intercom has for an answer during a check: two of them fit into its time, no third is begun."""

REGION_READ_TIMEOUT: Final = 3.0


def load_spec() -> dict[str, Any]:
    """Read `spec.json`."""
    document: dict[str, Any] = orjson.loads(files("destination_intercom").joinpath("spec.json").read_bytes())
    return document


def spec() -> Iterator[bytes]:
    """Give out the specification of the configuration."""
    yield spec_line(load_spec())


def check(
    document: Any,
    *,
    clock: Clock,
    transport: Transport | None = None,
    storage: Storage | None = None,
    save: Callable[[bytes], None] | None = None,
) -> Iterator[bytes]:
    """Check a configuration against Intercom without writing anything to it; never raises one of our errors.

    A storage for rejected records is written to: a small object, which is deleted again. `save` is given the
    workspace's data attributes as JSON, as soon as Intercom accepts the token.
    """
    try:
        config = parse_config(document)
        last_begin = clock.now() + CHECK_SECONDS - CHECK_READ_TIMEOUT
        kinds = make_kinds(KindParts(config, clock.now))
        yield from _check_workspace(config, kinds, clock, transport, last_begin=last_begin, save=save)
        yield from _check_storage(config.object_storage_config, clock, storage, last_begin=last_begin)
    except IntercomDestinationError as error:
        yield status_line(error.message)
    else:
        yield log_line(
            "INFO",
            "The check wrote nothing to Intercom. Only the first sync can show whether the token may write, and whether"
            " there is room for new event names. The app of the token needs these permissions:"
            f" {_list_permissions(kinds)}.",
        )
        yield status_line(None)


def _check_workspace(
    config: Config,
    kinds: Kinds,
    clock: Clock,
    transport: Transport | None,
    *,
    last_begin: float,
    save: Callable[[bytes], None] | None,
) -> Iterator[bytes]:
    client, quota = make_client(config, clock, transport, patience=CHECK_READ_TIMEOUT), Quota(clock)

    def try_call(call: Call) -> Answer:
        seconds = last_begin - clock.now()
        return ask(client, call, quota=quota, clock=clock, sleep=clock.sleep, tries=CHECK_TRIES, seconds=seconds)

    try:
        me = try_call(GetMe())
    except IntercomDestinationError as error:
        region = _answering_region(config, clock, transport) if _is_refusal(error) else None
        if region is None:
            raise
        raise type(error)(
            f'Intercom answers this token in the region "{region}", not in "{config.api_endpoint}": set api_endpoint'
            f' to "{region}".'
        ) from None
    yield log_line("INFO", f"Intercom accepts the token{_region_of(me)}.")
    if save is not None:
        # Before the mapping is checked: where it does not fit, the definitions show what would.
        definitions = list_definitions([try_call(ListDataAttributes(model.name)).body for model in (CONTACT, COMPANY)])
        save(orjson.dumps(definitions, option=orjson.OPT_INDENT_2))
        yield log_line("INFO", f"The definitions of {len(definitions['data'])} data attributes are saved.")
    for text in kinds.outlook(kinds):
        yield log_line("INFO", text)
    for kind in kinds.values():
        steps = kind.check()
        with suppress(StopIteration):
            answer = try_call(next(steps))
            while True:
                answer = try_call(steps.send(answer))
        for note in kind.notes.take():
            yield log_line("WARN", note.text)


def _list_permissions(kinds: Kinds) -> str:
    needed = {name: ", ".join(f'"{each}"' for each in kind.permissions) for name, kind in kinds.items()}
    return "; ".join(f"for {name} {permissions}" for name, permissions in needed.items() if permissions)


def _check_storage(
    config: ObjectStorage, clock: Clock, storage: Storage | None, *, last_begin: float
) -> Iterator[bytes]:
    if not isinstance(config, S3):
        return
    folder, seconds = prefix_folder(config.bucket_path), last_begin - clock.now()
    with ExitStack() as opened:
        storage = storage or opened.enter_context(closing(Bucket(config, read_timeout=CHECK_READ_TIMEOUT)))
        warning = prove(storage, folder, clock=clock, seconds=seconds)
    if warning is not None:
        yield log_line("WARN", warning)
    yield log_line("INFO", f"Rejected records can be stored in {storage.place}.")


def _is_refusal(error: IntercomDestinationError) -> bool:
    # What the wrong region's host answers is not documented: 401 or 403, with or without an envelope.
    return isinstance(error, ConfigurationError) or (isinstance(error, DeliveryError) and error.status in {401, 403})


def _region_of(me: Answer) -> str:
    app = me.body.get("app")
    region = app.get("region") if isinstance(app, dict) else None
    return f"; the workspace is in the region {region}" if isinstance(region, str) and region.isalpha() else ""


def _answering_region(config: Config, clock: Clock, transport: Transport | None) -> str | None:
    """Ask Intercom's other hosts whether they know the token; None if none does, or none was chosen."""
    if config.api_base_url is not None:
        return None
    for region in REGION_HOSTS:
        if region == config.api_endpoint:
            continue
        other = config.model_copy(update={"api_endpoint": region})
        quota = Quota(clock)
        try:
            client = make_client(other, clock, transport, patience=REGION_READ_TIMEOUT)
            ask(client, GetMe(), quota=quota, clock=clock, sleep=clock.sleep, tries=1)
        except IntercomDestinationError:
            continue
        return region
    return None


def write(
    document: Any,
    catalog_document: Any,
    *,
    stdin: Stdin,
    clock: Clock,
    mailbox: Mailbox,
    transport: Transport | None = None,
    storage: Storage | None = None,
) -> Iterator[bytes]:
    """Deliver the messages on `stdin` to Intercom, giving out states and log lines as they are due.

    `mailbox.stop()` ends it early, with all that may leave. `transport` and `storage` replace the network in tests.

    Raises:
        IntercomDestinationError: what ended the sync; `Terminated` after a stop.
    """
    config = parse_config(document)
    parts = SyncParts(config, catalog_document, clock=clock, mailbox=mailbox, transport=transport, storage=storage)
    with closing(parts):
        sync = parts.sync
        clock.start("reader", lambda: read_lines(stdin, mailbox))
        yield from sync.run()


@contextmanager
def find_rejected(
    document: Any,
    names: Collection[str],
    *,
    clock: Clock,
    reasons: Collection[str] = (),
    storage: KeptObjects | None = None,
) -> Iterator[RejectedRows]:
    """Find the rejected records in objects, for as long as they are needed; `storage` replaces the network in tests.

    Raises:
        ConfigurationError: the configuration is wrong, or there is no such object.
        InputError: an object cannot be read, or holds something else.
    """
    kept = parse_config(document).object_storage_config
    with ExitStack() as opened:
        if storage is None and isinstance(kept, S3) and any(name.startswith(SCHEME) for name in names):
            storage = opened.enter_context(closing(Bucket(kept)))
        yield find_rows(find_objects(names, storage, clock=clock), reasons)


def replay(
    document: Any,
    catalog_document: Any,
    *,
    rows: RejectedRows,
    replay: Replay,
    clock: Clock,
    mailbox: Mailbox,
    transport: Transport | None = None,
    storage: Storage | None = None,
) -> Iterator[bytes]:
    """Deliver rejected records once more, as `write` does what a source sends; give out the lines of the log.

    Raises:
        IntercomDestinationError: what ended it; `Terminated` after a stop.
    """
    config = parse_config(document)
    parts = SyncParts(
        config, catalog_document, clock=clock, mailbox=mailbox, transport=transport, storage=storage, replay=replay
    )
    with closing(parts):
        for stream, place in rows.streams.items():
            if parts.plan.of(stream.name, stream.namespace) is None:
                raise parts.plan.refuse_unknown(place, stream)
        yield log_line("INFO", replay.describe(rows))
        if not rows.count:
            return
        sync = parts.sync
        clock.start("reader", lambda: send_rows(rows.read(), mailbox))
        try:
            for line in sync.run():
                yield replay.reword_line(line)
        except IntercomDestinationError as error:
            error.message = replay.reword(error.message)
            raise
