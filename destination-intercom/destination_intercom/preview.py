"""What a sync would send, shown record by record to whoever writes the mapping; nobody is asked, and nothing sent.

It shows values, on the standard output of the one who asked for them. What it warns of goes elsewhere, and holds none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.airbyte.catalog import parse_catalog
from destination_intercom.airbyte.messages import RecordMessage, parse_line
from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.plan import Part, StreamPlan, compile_plan
from destination_intercom.deep_json import dump_exactly
from destination_intercom.delivery.kinds import Kinds
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.kinds import KindParts, make_kinds
from destination_intercom.outcomes import Outcome, Status, combine

NO_TOKEN: Final = "no-token"  # noqa: S105 - nobody is asked, so that none is needed


def preview(
    document: Any, catalog_document: Any, lines: Iterable[bytes], *, limit: int | None, warn: Callable[[str], None]
) -> Iterator[bytes]:
    """Show what each record among the `lines` of a source would become, as one line of JSON; at most `limit` records.

    Contacts are shown as they would be created, before they are compared with what Intercom has. Attributes have the
    types that the entries and the schemas tell.

    Raises:
        ConfigurationError: the configuration or the catalog is wrong, as for a sync.
        InputError: a line is no message.
    """
    if isinstance(document, dict):
        document = {**document, "access_token": document.get("access_token") or NO_TOKEN}
    config = parse_config(document)
    kinds = make_kinds(KindParts(config, now=lambda: 0.0))
    plan = compile_plan(config, parse_catalog(catalog_document), kinds)
    for warning in (*plan.warnings, *(text for kind in kinds.values() for text in kind.assume())):
        warn(warning)
    number = 0
    for place, line in enumerate(lines, 1):
        if limit is not None and number >= limit:
            break
        message = parse_line(line, place)
        if not isinstance(message, RecordMessage):
            continue
        number += 1
        found = plan.of(message.stream, message.namespace)
        if found is None:
            raise plan.refuse_unknown(place, StreamName(message.stream, message.namespace))
        if found.refuse_records is not None:
            raise ConfigurationError(found.refuse_records, stream=found.stream)
        data = found.repair(message.data, message.changed)
        found.watch.look(data)
        yield dump_exactly({"record": number, "stream": str(found.stream), **_show(found, data, kinds)})
        for warning in (*plan.usage.take_warnings(), *_notes(kinds)):
            warn(warning)
    for warning in (*plan.usage.failures(), *plan.usage.never_seen()):
        warn(warning)


def _notes(kinds: Kinds) -> Iterator[str]:
    for kind in kinds.values():
        for note in kind.notes.take():
            yield note.text


def _show(plan: StreamPlan, data: dict[str, Any], kinds: Kinds) -> dict[str, Any]:
    shown: dict[str, list[Any]] = {}
    left_out: list[dict[str, str]] = []
    parts: list[Outcome] = []
    for part in plan.parts:
        made = part.map_record(data)
        if isinstance(made, Outcome):
            parts.append(made)
            continue
        parts.append(outcomes.DELIVERED)
        kind = kinds[part.kind]
        for name, body in (kind.show(made), *kind.show_beside(made)):
            shown.setdefault(name, []).append(body)
        left_out += [_name_trim(part, *trim) for trim in made.trims]
    whole = combine(parts)
    return {
        "contact": _one(shown.get("contact", [])),
        "deletion": _one(shown.get("deletion", [])),
        "company": _one(shown.get("company", [])),
        "events": shown.get("events", []),
        "tags": shown.get("tags", []),
        "left_out": left_out,
        "outcome": whole.reason if whole.status in {Status.FILTERED, Status.REJECTED} else None,
    }


def _one(shown: list[Any]) -> Any:
    """Show what there is one of by itself: a stream may be listed twice, and its record is then two of a kind."""
    return shown if len(shown) > 1 else next(iter(shown), None)


def _name_trim(part: Part, name: str, reason: str) -> dict[str, str]:
    place, selected = part.entries.get(name, (name, name))
    return {"entry": place, "property": selected, "reason": reason}
