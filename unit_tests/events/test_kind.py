"""Events as a kind: the harmless calls that it offers."""

from __future__ import annotations

from destination_intercom.delivery.probes import Probe
from destination_intercom.intercom.calls import CreateContact, FindByExternalId, PostEvent
from unit_tests.keys import by_id
from unit_tests.task_bench import sync_parts

BAD = PostEvent({"event_name": "bad", "created_at": 7, "user_id": "bad"})


def test_probe_of_an_event_is_one_that_was_delivered_again_and_then_one_of_nobody() -> None:
    """Intercom drops the one and refuses the other; what fails itself is no part of either."""
    kinds, _ = sync_parts(lambda: 0.0)
    taken = [(by_id("k"), PostEvent({"event_name": "did", "created_at": 1, "user_id": "k"}))]
    delivered, nobodys = kinds["events"].probes(BAD, taken)
    assert Probe(taken[0][1]) == delivered
    assert isinstance(nobodys.call, PostEvent)
    assert nobodys.call.payload["user_id"].startswith("nobody ")
    assert not BAD.payload.items() & nobodys.call.payload.items()


def test_probes_when_another_endpoint_fails_are_the_other_kinds() -> None:
    """All kinds are asked, whosever task it is that fails."""
    kinds, _ = sync_parts(lambda: 0.0)
    assert [] == list(kinds["events"].probes(FindByExternalId("k"), []))
    assert ["GET /contacts/find_by_external_id/{external_id}"] == [
        probe.call.endpoint for probe in kinds.probes(FindByExternalId("k"), [])
    ]
    assert [] == list(kinds.probes(CreateContact({}), []))
