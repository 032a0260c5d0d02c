"""Where the token and personal data must not be: the process list, the environment, an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from integration_tests.support.harness import TOKEN, config, to_lines, write
from integration_tests.support.people import EVENTS, MARK, make_sync, refuse_marks, user


def test_process_when_it_runs_then_its_command_line_and_environment_hold_no_secret(make_workplace: Any) -> None:
    """What `ps` shows to everybody on the machine."""
    place = make_workplace(latency=0.05)
    connector = place.write(events=EVENTS)
    connector.send(to_lines(make_sync(5)))
    connector.wait_for("STATE")
    for name in ("cmdline", "environ", "comm"):
        shown = Path(f"/proc/{connector.process.pid}/{name}").read_bytes()
        assert shown
        refuse_marks(shown)
    names = [path.read_bytes() for path in Path(f"/proc/{connector.process.pid}/task").glob("*/comm")]
    assert names
    refuse_marks(b"".join(names))
    assert 0 == connector.finish()


def test_address_when_a_sync_calls_then_it_holds_no_token_and_of_a_person_only_what_the_api_wants() -> None:
    """People are searched and written in bodies; `find_by_external_id` alone has the id in its path, by its design."""
    sync = [*make_sync(20), user(90), *make_sync(3)]
    result = write(sync, configuration=config(events=EVENTS))
    paths = [unquote(each["path"]) for each in result.exchanges]
    assert len(paths) > 20
    for path in paths:
        assert TOKEN not in path
        assert "@" not in path
        assert MARK not in path or path.startswith("/contacts/find_by_external_id/")
    marked = [each for each in result.exchanges if MARK in repr(each)]
    assert marked, "the sync was about people at all"


def test_address_when_people_are_known_by_their_e_mail_then_no_path_holds_one() -> None:
    """An identity that is an address is only ever in a body."""
    identity = {"property": "email", "intercom_field": "email"}
    sync = [user(number) for number in range(10)]
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]}
    events = {**EVENTS, "streams": [{"stream": "events", "event_name": "did", "created_at_property": "at"}]}
    sync += [_event_by_email(number) for number in (*range(5), 77)]
    result = write(sync, configuration=config(identity=identity, users=users, events=events))
    assert result.error is None
    for path in (unquote(each["path"]) for each in result.exchanges):
        assert "@" not in path
        assert MARK not in path
    assert 5 == len(result.events)


def _event_by_email(number: int) -> dict[str, Any]:
    data = {"email": f"{MARK}-{number}@example.com", "at": 1_700_000_000 + number}
    return {"type": "RECORD", "record": {"stream": "events", "data": data, "emitted_at": 1}}
