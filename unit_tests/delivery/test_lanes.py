"""A lane's order where tasks had left it, and come back."""

from __future__ import annotations

from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.lanes import Lane
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.tasks import WriteTask
from destination_intercom.errors import StreamName
from unit_tests.keys import by_id

K = by_id("k")


def test_tasks_when_put_back_come_behind_all_others_but_before_later_ones_of_their_series() -> None:
    """What has passed them stays in front; two of one name and second never change places."""
    ledger = Ledger(stop_after_rejected=0)
    series = ("a", "a", "b", None, "a", "c", None)
    tasks = [
        WriteTask(ledger.enter(StreamName("s"), parts=1, size=1), ContactChange(K, {}, {}), series=each)
        for each in series
    ]
    a1, a2, b, write, a3, c, other_write = tasks
    lane = Lane(K)
    lane.tasks.extend([write, a3, c, other_write])
    lane.put_back([a2, b])
    assert [write, a2, a3, c, other_write, b] == list(lane.tasks)
    lane.put_back([a1])
    assert [write, a1, a2, a3, c, other_write, b] == list(lane.tasks)
