"""Nothing personal is printed: with a canary in every place, in every situation, on every channel and in every `repr`."""

from __future__ import annotations

import dataclasses
import gc
import gzip
import importlib
import inspect
import json
import logging
import pkgutil
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import BaseModel

import destination_intercom
from destination_intercom import destination
from destination_intercom.contacts import kind as contacts_kind
from destination_intercom.errors import ConfigurationError, IntercomDestinationError, InternalError, StreamName
from destination_intercom.outcomes import FILTER_REASONS, REJECTION_REASONS
from destination_intercom.values import TRIM_REASONS
from integration_tests.conftest import Workplace
from integration_tests.support import processes
from integration_tests.support.canaries import (
    CATALOG,
    DIGITS,
    MARK,
    SITUATIONS,
    TOKEN,
    EchoingIntercom,
    Situation,
    event,
    user,
)
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import EmulatorTransport, Result, state, to_lines, write
from integration_tests.support.replaying import replay
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Server, Settings

OURS = "destination_intercom"
LOOKS = 8
"""How many moments of a run are looked at: all objects there are, each time."""


def refuse(channel: str, text: str) -> None:
    """Fail if a text holds a canary: the mark, the number, or the token."""
    found = [each for each in (MARK, DIGITS, TOKEN.lower()) if each in text.lower()]
    assert [] == found, f"{channel}: {text}"


class Inspecting(EmulatorTransport):
    """Looks, while calls are under way, at the `repr` of every object of ours that exists."""

    def __init__(self, intercom: Intercom, clock: VirtualClock) -> None:
        super().__init__(intercom, clock)
        self.reprs: dict[str, set[str]] = {}
        self._looks = 0
        self._kinds = frozenset(classes())

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._look()
        try:
            return super().send(request, *args, **kwargs)
        finally:
            self._look()

    def _look(self) -> None:
        self._looks += 1
        if self._looks > LOOKS:
            return
        for each in gc.get_objects():
            if type(each) in self._kinds:
                self.reprs.setdefault(type(each).__name__, set()).update(shown(each))


def shown(thing: object) -> set[str]:
    """How an object shows itself; nothing while another thread changes it."""
    try:
        return {repr(thing), str(thing)}
    except RuntimeError:
        return set()


def play(situation: Situation, *, storage: FakeStorage | None = None) -> tuple[Result, Inspecting]:
    """Run a situation in one process, against an Intercom that repeats what it is told."""
    # What other tests left behind is not looked through again and again: only what this run makes.
    gc.freeze()
    try:
        return _play(situation, storage)
    finally:
        gc.unfreeze()


def _play(situation: Situation, storage: FakeStorage | None) -> tuple[Result, Inspecting]:
    stored = {} if storage is None else {"object_storage_config": S3_SECTION}
    clock = VirtualClock()
    intercom = situation.intercom(lambda settings: EchoingIntercom(Settings.from_dict(settings), clock=clock.wall))
    transport = Inspecting(intercom, clock)
    last = [state("users", 1, cursor="canary state")]
    result = write(
        [*situation.messages, *last],
        configuration={**situation.configuration(), **stored},
        configured_catalog=CATALOG,
        intercom=intercom,
        clock=clock,
        transport=transport,
        storage=storage,
    )
    return result, transport


def refuse_in_run(result: Result, transport: Inspecting) -> None:
    """Search everything that a run gave out, and everything that showed itself meanwhile."""
    for message in result.messages:
        if message["type"] != "STATE":
            refuse("stdout", json.dumps(message, ensure_ascii=False))
    if result.error is not None:
        refuse("trace", "".join(traceback.format_exception(result.error)))
        refuse("error", repr(result.error) + str(vars(result.error)))
    for kind, texts in transport.reprs.items():
        for text in texts:
            refuse(f"repr of {kind}", text)


@pytest.fixture
def everything_said(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Search stdout, stderr, all loggers at DEBUG, and warnings, of what runs within a test."""
    chatty = ["", "urllib3", "urllib3.connectionpool", "requests", "botocore", "boto3", "asyncio", OURS]
    for name in chatty:
        caplog.set_level(logging.DEBUG, logger=name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
    refuse("logging", caplog.text)
    out, err = capfd.readouterr()
    refuse("stdout", out)
    refuse("stderr", err)
    for each in warned:
        refuse("warning", str(each.message))


@pytest.mark.parametrize("name", SITUATIONS)
def test_nothing_personal_is_printed_in_any_situation(name: str, everything_said: None) -> None:
    """Whatever becomes of the records, and however the sync ends."""
    situation = SITUATIONS[name]
    result, transport = play(situation)
    assert situation.error == ("" if result.error is None else type(result.error).__name__)
    assert [] == [word for word in situation.words if not result.logged(word)], result.logs
    assert {"Client", "Scheduler", "Config", "Plan", "Sync"} <= transport.reprs.keys()
    refuse_in_run(result, transport)


REJECTING = [name for name, each in SITUATIONS.items() if each.rejected]


@pytest.mark.parametrize("name", REJECTING)
def test_rejected_rows_hold_the_record_and_never_a_secret(name: str, everything_said: None) -> None:
    """Intercom's message stands in them, too, and it quotes the token here: that is blotted out."""
    situation = SITUATIONS[name]
    storage = FakeStorage(VirtualClock())
    result, transport = play(situation, storage=storage)
    assert situation.error == ("" if result.error is None else type(result.error).__name__)
    assert situation.rejected == len(storage.rows)
    secrets = (TOKEN, S3_SECTION["access_key_id"], S3_SECTION["secret_access_key"])
    for key, body in storage.objects.items():
        refuse("name of an object", key)
        text = body.decode() if not key.endswith(".gz") else gzip.decompress(body).decode()
        assert [] == [secret for secret in secrets if secret in text]
    for row in storage.rows:
        assert MARK in json.dumps(row["record"])
        # What Intercom says of a record may quote it. Here it quotes all of the call.
        assert row["message"] is None or "Bearer " in row["message"]
    refuse_in_run(result, transport)


def test_situations_cover_every_reason_of_the_tables() -> None:
    """A reason that is new needs a situation here."""
    told = {
        word for situation in SITUATIONS.values() for phrase in situation.words for word in re.findall(r"\w+", phrase)
    }
    # Only an attribute of a type that no Intercom has so far would bring about one of those that are left; the others
    # are a replay's own.
    left = {"no_scalar", "superseded", "not_rejected"}
    assert set() == {*FILTER_REASONS, *REJECTION_REASONS, *TRIM_REASONS} - told - left


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "name", [*REJECTING[:2], *(pytest.param(name, marks=pytest.mark.long) for name in REJECTING[2:])]
)
def test_nothing_personal_is_printed_when_rejected_rows_are_sent_again(
    name: str, tmp_path: Path, everything_said: None, *, force: bool
) -> None:
    """Neither by the log nor by anything that shows itself meanwhile."""
    situation, storage = SITUATIONS[name], FakeStorage(VirtualClock())
    _, transport = play(situation, storage=storage)
    intercom, clock = transport.intercom, transport.clock
    clock.sleep(60)
    again = Inspecting(intercom, clock)
    result = replay(
        [f"{storage.place}/"],
        tmp_path,
        configuration={**situation.configuration(), "object_storage_config": S3_SECTION},
        configured_catalog=CATALOG,
        clock=clock,
        intercom=intercom,
        transport=again,
        storage=storage,
        force=force,
    )
    assert result.logged(f"Rejected records to send: {situation.rejected}")
    assert {"RejectedRows", "Replay", "RejectObject", "EarlierUpdates"} <= again.reprs.keys()
    refuse_in_run(result, again)


def fail_on_a_record(*_arguments: Any, **_more: Any) -> Any:
    """Fail as a bug of ours would: with a text that quotes a record."""
    raise ValueError(f"cannot map {user()}")


class Failing(Inspecting):
    """A transport that fails as a bug of a library would: with the whole request in its text."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if request.method == "GET":
            return super().send(request, *args, **kwargs)
        super().send(request, *args, **kwargs)
        raise LookupError(f"{request.url} {request.headers} {request.body!r}") from KeyError(request.body)


def test_bug_in_the_main_thread_tells_its_place_only(monkeypatch: pytest.MonkeyPatch, everything_said: None) -> None:
    """An exception's text may quote the record that it met."""
    monkeypatch.setattr(contacts_kind, "map_contact", fail_on_a_record)
    result, transport = play(SITUATIONS["delivered"])
    assert isinstance(result.error, InternalError)
    assert "fail_on_a_record" in result.error.message
    refuse_in_run(result, transport)


def test_bug_in_a_worker_tells_its_place_only(monkeypatch: pytest.MonkeyPatch, everything_said: None) -> None:
    """Nor may the text of a library's exception, or of the one that it came from, get out."""
    monkeypatch.setattr(sys.modules[__name__], "Inspecting", Failing)
    result, transport = play(SITUATIONS["delivered"])
    assert isinstance(result.error, InternalError)
    refuse_in_run(result, transport)


WRONG = {"canary": "canary"}
USERS = {"mode": "enabled", "streams": [{"stream": "users"}]}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"access_token": WRONG}, id="token, no text"),
        pytest.param({"access_token": f"{TOKEN}\ncanary"}, id="token, two lines"),
        pytest.param({"api_endpoint": "canary"}, id="endpoint"),
        pytest.param({"api_base_url": "http://canary:canary@canary.example"}, id="address"),
        pytest.param({"api_base_url": "https://[canary"}, id="address that is none"),
        pytest.param({"identity": "canary"}, id="identity"),
        pytest.param({"events": {"mode": "canary"}}, id="mode"),
        pytest.param({"events": {"mode": "enabled", "selected_events": "canary"}}, id="selection"),
        pytest.param({"events": {"mode": "enabled", "selected_events": ["*"], "not_before": "canary"}}, id="time"),
        pytest.param({"users": {"mode": "enabled", "streams": ["canary"]}}, id="streams"),
        pytest.param({"users": {**USERS, "attributes_text": WRONG}}, id="text of attributes, no text"),
        pytest.param(
            {"users": {**USERS, "attributes_text": "canary =\n= canary\ncanary: date"}}, id="text of attributes"
        ),
        pytest.param({"delivery": {"concurrency": "canary"}}, id="number"),
    ],
)
def test_configuration_that_is_wrong_is_told_by_its_fields_only(changes: dict[str, Any], everything_said: None) -> None:
    """What a field holds may have got there by mistake: the token in the place of another one."""
    document = {**SITUATIONS["delivered"].configuration(), **changes}
    for command in (run_check, run_write):
        with pytest.raises(IntercomDestinationError) as caught:
            command(document)
        refuse("trace", "".join(traceback.format_exception(caught.value)[-1:]))
        refuse("error", repr(caught.value) + str(caught.value.message))


def run_check(document: dict[str, Any]) -> None:
    """Run `check`, which says what is wrong, and raise that."""
    clock = VirtualClock()
    *_, last = list(destination.check(document, clock=clock, transport=EmulatorTransport(Intercom(), clock)))
    raise ConfigurationError(json.loads(last)["connectionStatus"]["message"])


def run_write(document: dict[str, Any]) -> None:
    """Run `write` without input."""
    result = write([], configuration=document, configured_catalog=CATALOG)
    assert result.error is not None
    raise result.error


@pytest.mark.parametrize(
    "settings", [{"tokens": {}}, {"plan_restricted": True}, {"faults": [{"endpoint": "*", "kind": "html"}]}]
)
def test_check_that_fails_repeats_nothing_of_the_answer(settings: dict[str, Any], everything_said: None) -> None:
    """The answer may quote the token, and so may a page of something in between."""
    clock = VirtualClock()
    intercom = EchoingIntercom(Settings.from_dict({"tokens": {TOKEN: "*"}, **settings}), clock=clock.wall)
    transport = Inspecting(intercom, clock)
    document = SITUATIONS["delivered"].configuration()
    lines = list(destination.check(document, clock=clock, transport=transport))
    assert "FAILED" == json.loads(lines[-1])["connectionStatus"]["status"]
    for line in lines:
        refuse("stdout", line.decode())
    for kind, texts in transport.reprs.items():
        refuse(f"repr of {kind}", " ".join(texts))


CHATTY = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests", "botocore", "boto3", "s3transfer"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from destination_intercom import run
sys.exit(run.main())
"""
"""The connector in a program whose logging shows everything."""


def test_process_whose_logging_shows_everything_prints_nothing_personal(
    make_workplace: Callable[..., Workplace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP with faults, in Python's development mode, with all warnings and all loggers at DEBUG."""
    place = make_workplace()
    faults = [
        {"endpoint": "POST /events", "kind": kind, "at": [number]}
        for number, kind in enumerate(("reset_after", "truncate", "html", "redirect", "reset_before"), start=2)
    ]
    settings = Settings.from_dict({"tokens": {TOKEN: "*"}, "faults": faults})
    situation = SITUATIONS["delivered"]
    intercom = situation.intercom(lambda _: EchoingIntercom(settings))
    monkeypatch.setattr(processes, "CONNECTOR", (sys.executable, "-X", "dev", "-W", "always", "-c", CHATTY))
    everything = [
        *[
            message
            for each in ("filtered", "invalid", "unknown user", "refused", "trimmed")
            for message in SITUATIONS[each].messages
        ],
        *[event(at=1_700_000_100 + number) for number in range(10)],
        event(user_id="canary/stranger"),
    ]
    with Server(intercom) as server:
        place.url = server.url
        files = (
            place.file("config.json", {**situation.configuration(), "api_base_url": server.url}),
            place.file("catalog.json", CATALOG),
        )
        connector = place.start("write", "--config", files[0], "--catalog", files[1])
        code = connector.finish(to_lines([*everything, *SITUATIONS["not JSON"].messages]))
    assert 1 == code
    assert ["system_error"] == [each["failure_type"] for each in connector.errors]
    # It did log: else nothing was tried here.
    assert any("find_by_external_id" in each["path"] for each in intercom.exchanges())
    refuse("stderr", connector.stderr.decode(errors="replace"))
    for message in connector.messages:
        refuse("stdout", json.dumps(message))


def modules() -> Iterator[Any]:
    """Every module of the connector but the CDK's adapter, which needs the CDK."""
    for each in pkgutil.walk_packages(destination_intercom.__path__, f"{OURS}."):
        if each.name != f"{OURS}.cdk":
            yield importlib.import_module(each.name)


def classes() -> list[type[Any]]:
    """Every class of the connector."""
    found = {
        each
        for module in modules()
        for each in vars(module).values()
        if inspect.isclass(each) and each.__module__ == module.__name__
    }
    return sorted(found, key=lambda each: each.__qualname__)


SHOWN = {
    "the configuration's, the catalog's, or the workspace's own names and types": """
        AttributeLists.own AttributeLists.shared
        AttributeRule.property MetadataRule.property Part.entries RecordRule.entries Sync.opening
        _Room.told AttributeMembers.declared AttributeMembers.left_out AttributeMembers.path AttributeMembers.pattern
        AttributeMembers.place AttributeMembers.taken MetadataMembers.left_out MetadataMembers.path
        MetadataMembers.pattern MetadataMembers.place MetadataMembers.taken AttributeRule.place MetadataRule.place
        AttributeRule.target AttributeRule.type Attributes._members Attributes._only_true Attributes._origins Attributes.created
        Attributes.fields Attributes.missing ContactChange.if_empty ContactChange.outside UserRule.if_empty
        Attributes.skipped Attributes.types Attributes.wanted CatalogStream.schema Near.cure Near.text Origin.property Origin.type
        AttributeRule.property MetadataRule.property Part.entries RecordRule.entries MembershipRule.name
        MembershipRule.place MembershipRule.property ListDataAttributes.model
        TagRule.name TagRule.front TagRule.beginning TagRule.place TagRule.property ReplacedTags.name ReplacedTags.place
        Tagged.kept
        EventRule.metadata EventRule.name EventRule.renamed MetadataRule.name MetadataRule.type Money.currency Plan._by_name Plan.warnings Policy.write_mode RecordMessage.namespace
        RecordMessage.stream StreamPlan.refuse_records RejectObject.name RejectedRows.streams Undeclared.near Workspace.missing Workspace.near Workspace.types _Object.key
    """,
    "a word of ours, or a note in our own words": """
        Concluded.kind Endpoint.why Judgement.why Outage.why LookedUp.kind LookupTask.kind Note.heading Note.text Part.kind KnownContact.role Outcome.reason Outcome.trims
        _SubmitBulk.api GetBulkJob.api UpdateContactsInBulk.api CreateContactsInBulk.api
        RejectedRows.wanted Taken.reason _Conviction.reason _StreamCounts.filtered _StreamCounts.parts _StreamCounts.rejected
    """,
    "written down in the table of standard fields": """
        StandardField.convert StandardField.kind StandardField.name StandardField.shown_in
        Model.fields Model.name Model.never_by_wildcard Model.page Model.reserved Model.section
    """,
    "Intercom's own id of a contact or a request": """
        Answer.canonical_id Answer.request_id ArchiveContact.contact_id GetContact.contact_id KnownContact.contact_id
        Sending.contact_id Taken.holder UnarchiveContact.contact_id UpdateContact.contact_id _ContactCall.contact_id
        _Lead.contact_id AttachCompany.contact_id AttachCompany.company ListContactCompanies.contact_id
        UpdateCompany.known_id ArchivePerson.contact_id DeleteContact.contact_id
        ListContactTags.contact_id TagContacts.contact_ids UntagContact.contact_id
        UntagContact.tag_id Removable.tag_id Removable.prefixes GetBulkJob.job_id
    """,
    "the name of an event": "EventPayload.name Note.name",
    "shows nothing of what it holds": """
        EventCache.delivered EventCache.delivered_names EventCache.last_delivered EventCache.not_visible
        EventCache.refused_names EventRule.is_excluded EventRule.is_selected EventRule.look_at_name KindParts.look_up
        SearchSize._failed_until _Buffer.compressor
    """,
}
"""Fields of dataclasses that may hold a text and show it, by why they may."""

TELLING = {"str", "bytes", "Any", "object"}
HAND_MADE = {
    "Bucket",
    "Client",
    "DamagedRecord",
    "FormEntry",
    "Key",
    "Moment",
    "Nothing",
    "Refusal",
    "_BearerAuth",
    "_Missing",
}
"""Classes with a `repr` of their own: it is looked at while they are in use, in every situation."""


def test_dataclasses_show_no_field_that_may_hold_a_personal_value() -> None:
    """A field that holds a text, bytes or anything is `repr=False`, or is listed above with its reason."""
    shown_fields = {
        f"{each.__qualname__}.{field.name}"
        for each in classes()
        if dataclasses.is_dataclass(each) and hasattr(each.__repr__, "__wrapped__")
        for field in dataclasses.fields(each)
        if field.repr and TELLING.intersection(re.findall(r"\w+", str(field.type)))
    }
    assert set() == shown_fields - set(" ".join(SHOWN.values()).split())


def test_classes_show_nothing_by_a_repr_of_their_own() -> None:
    """What is neither a dataclass nor a model nor an error shows its type only, but for a few."""
    ordinary = (BaseModel, Enum, BaseException, StreamName)
    own = {
        each.__name__
        for each in classes()
        if not issubclass(each, ordinary)
        and any("__repr__" in vars(base) for base in each.__mro__[:-1])
        and not hasattr(each.__repr__, "__wrapped__")
    }
    assert set() == own - HAND_MADE
