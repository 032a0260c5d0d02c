"""The parts of a sync, each built where it is first asked for, from one object. Decides nothing."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import cached_property
from typing import Any

from destination_intercom import pipeline
from destination_intercom.airbyte.catalog import parse_catalog
from destination_intercom.airbyte.messages import parse_line
from destination_intercom.clock import Clock
from destination_intercom.configuration.config import Config
from destination_intercom.configuration.plan import Plan, compile_plan
from destination_intercom.configuration.storage_config import S3
from destination_intercom.delivery.dry_run import DryRun
from destination_intercom.delivery.kinds import Kinds
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.delivery.report import Report
from destination_intercom.delivery.retry import attempt_once
from destination_intercom.delivery.scheduler import Rules, Scheduler
from destination_intercom.delivery.tasks import Batch
from destination_intercom.intercom.client import ANSWER_TIMEOUT, READ_TIMEOUT, Client, Transport
from destination_intercom.intercom.quota import Quota
from destination_intercom.kinds import KindParts, make_kinds
from destination_intercom.opening import write_opening
from destination_intercom.pipeline import Sync
from destination_intercom.rejects.collector import RejectedRecords
from destination_intercom.rejects.s3 import Bucket
from destination_intercom.rejects.storage import Storage, replay_folder, sync_folder
from destination_intercom.replaying import Replay


def make_client(config: Config, clock: Clock, transport: Transport | None, *, patience: float | None = None) -> Client:
    """Make a client; `patience` is the seconds that an answer may take, where that is less than usual."""
    return Client(
        config.base_url,
        config.token,
        now=clock.now,
        wall=clock.wall,
        read_timeout=patience or READ_TIMEOUT,
        answer_timeout=patience or ANSWER_TIMEOUT,
        connections=config.delivery.concurrency,
        transport=transport,
    )


class SyncParts:
    """All that one sync works with.

    `transport` and `storage` replace the network in tests. In a `replay` the input are rejected records.

    Raises:
        ConfigurationError: whatever is asked for first finds something that cannot work.
    """

    def __init__(
        self,
        config: Config,
        catalog: Any,
        *,
        clock: Clock,
        mailbox: Mailbox,
        transport: Transport | None = None,
        storage: Storage | None = None,
        replay: Replay | None = None,
    ) -> None:
        self._replay = replay
        self._config = config
        self._catalog = catalog
        self._clock = clock
        self._mailbox = mailbox
        self._transport = transport
        self._storage = storage
        self._opened = ExitStack()

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    @cached_property
    def sync(self) -> Sync:
        """Give the sync itself."""
        return Sync(
            plan=self.plan,
            kinds=self.kinds,
            scheduler=self.scheduler,
            quota=self.quota,
            mailbox=self._mailbox,
            clock=self._clock,
            ledger=self.ledger,
            report=self.report,
            dry_run=self.dry_run,
            rejects=self.rejects,
            max_rejected_percent=self._config.delivery.max_rejected_percent,
            parse=parse_line if self._replay is None else self._replay.parse,
            has_all=self._replay is None,
        )

    @cached_property
    def plan(self) -> Plan:
        """Give what a record of each stream becomes."""
        return compile_plan(self._config, parse_catalog(self._catalog), self.kinds)

    @cached_property
    def kinds(self) -> Kinds:
        """Give the kinds of object."""
        return make_kinds(
            KindParts(
                self._config,
                self._clock.now,
                self._look_up,
                earlier=None if self._replay is None else self._replay.earlier,
            )
        )

    def _look_up(self, kind: str, batch: Batch) -> None:
        # The scheduler is made of the kinds, and so after them.
        self.scheduler.look_up(kind, batch)

    @cached_property
    def client(self) -> Client:
        """Give the client."""
        return self._opened.enter_context(closing(make_client(self._config, self._clock, self._transport)))

    @cached_property
    def quota(self) -> Quota:
        """Give the gate of all calls."""
        return Quota(self._clock, max_per_minute=self._config.delivery.max_calls_per_minute)

    @cached_property
    def scheduler(self) -> Scheduler:
        """Give the workers."""
        client, quota = self.client, self.quota
        return Scheduler(
            attempt=lambda call, permit: attempt_once(client, call, quota, permit),
            make_steps=self.kinds.make_steps,
            quota=quota,
            mailbox=self._mailbox,
            clock=self._clock,
            concurrency=self._config.delivery.concurrency,
            rules=Rules(
                series=self.kinds.series,
                names=self.kinds.names,
                find_probes=self.kinds.probes,
                makes_people=self.kinds.makes_people,
                takes_away=self.kinds.takes_away,
            ),
            pretend=None if self.dry_run is None else self.dry_run.answer,
        )

    @cached_property
    def dry_run(self) -> DryRun | None:
        """Give what answers in Intercom's place, if this is a dry run."""
        return DryRun(self.kinds.writes) if self._config.delivery.dry_run else None

    @cached_property
    def rejects(self) -> RejectedRecords | None:
        """Give what stores rejected records, where a storage is configured."""
        kept = self._config.object_storage_config
        if not isinstance(kept, S3) or self.dry_run is not None:
            return None
        began_at = self._clock.wall()
        folder = sync_folder(kept.bucket_path, self._catalog, began_at=began_at)
        if self._replay is not None:
            # Never among those that it reads, so that it can be repeated.
            folder = replay_folder(kept.bucket_path, began_at=began_at)
        return RejectedRecords(
            self._storage or self._opened.enter_context(closing(Bucket(kept))),
            folder=folder,
            compressed=kept.is_compressed,
            secret=self._config.token,
            mailbox=self._mailbox,
            clock=self._clock,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """Give the account of records and states."""
        stop_after = self._config.delivery.stop_after_rejected
        # Half of the room: records can still be read that speak for a stream whose states are held back.
        most = pipeline.MAX_BYTES_IN_FLIGHT // 2
        return Ledger(stop_after_rejected=stop_after, stores_rejected=self.rejects is not None, max_held_bytes=most)

    @cached_property
    def report(self) -> Report:
        """Give what the user reads, which begins with what the plan warns of."""
        report = Report()
        report.say(self.kinds.outlook({part.kind for plan in self.plan.streams.values() for part in plan.parts}))
        report.say(write_opening(self._config, self.plan))
        for warning in self.plan.warnings:
            report.warn(warning)
        return report
