"""What a template costs a record: CPU against the 40 µs that one may take, and against a path.

    .venv/bin/python benchmarks/templates.py

Each is worked out for one record by itself, in this process, many times; the least of many rounds counts, for what
else the machine does only ever adds to it. The share is of the 40 µs, the ratio against reading one name. The second
table is a whole record, from its line to the contact: twenty attributes, of which none, five or all are templates.
The last one is what those pay who use none: whether Jinja is imported, a plain name read through `compile_property`
against the same lookup written by hand, and looking for properties that were never seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import show
from destination_intercom.airbyte.catalog import parse_catalog
from destination_intercom.airbyte.messages import RecordMessage, parse_line
from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.plan import StreamPlan, compile_plan
from destination_intercom.errors import StreamName
from destination_intercom.kinds import KindParts, make_kinds
from destination_intercom.properties import compile_property
from destination_intercom.values import MISSING

ROOT: Final = Path(__file__).resolve().parents[1]
ALLOWED: Final = 40e-6
ROUNDS: Final = 30
TIMES: Final = 500

RECORD: Final[dict[str, Any]] = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "accepts": False,
    "plan": "p",
    "amount": 12.5,
    "day": "15.01.2024 16:07",
    "date": "2024-01-15",
    "clock": "16:07:00",
    "at": "2024-01-15T16:07:00Z",
    "tags": ["a", "b", "c"],
    "items": [{"sku": f"sku-{number}", "price": number} for number in range(10)],
    "settings": '{"theme": "dark", "tags": ["a", "b"]}',
}

PROPERTIES: Final = [
    "first_name",
    "items.0.sku",
    "settings.theme",
    "{{ record.first_name }}",
    "{{ record.first_name }} {{ record.last_name }}",
    "{{ record.user_id or record.email }}",
    "{{ record.accepts == false }}",
    "{{ {'p': 'Pro', 'b': 'Basic'}[record.plan] }}",
    "{{ record.items[0].sku }}",
    "{{ record.tags | join(', ') }}",
    "{{ (record.amount * 100) | round | int }}",
    "{{ (record.settings | fromjson).theme }}",
    "{{ record.day | time('%d.%m.%Y %H:%M', 'Europe/Berlin') }}",
    "{{ record.at | time('iso', 'Europe/Berlin') }}",
    "{{ (record.date ~ ' ' ~ record.clock) | time('%Y-%m-%d %H:%M:%S') }}",
    "{{ record.at | date('%d.%m.%Y', 'Europe/Berlin') }}",
    "{{ record.items | map(attribute='sku') | unique | join(', ') }}",
    "{{ (record.items | selectattr('price', 'gt', 5) | first).sku }}",
]


def seconds(work: Callable[[], object]) -> float:
    """Tell the CPU seconds of one run of some work: the least of many rounds."""
    return min(timeit.repeat(work, number=TIMES, repeat=ROUNDS, timer=time.process_time)) / TIMES


def modules_of(text: str) -> str:
    """Tell whether a process that reads one property imports Jinja."""
    script = (
        "import sys; from destination_intercom.properties import compile_property;"
        f"compile_property({text!r})({{}}); print('jinja2' in sys.modules)"
    )
    place = {"PYTHONPATH": str(ROOT / "destination-intercom")}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=place)
    return "yes" if done.stdout.strip() == "True" else "no"


ATTRIBUTES: Final = 20
LINE: Final = json.dumps(
    {
        "type": "RECORD",
        "record": {
            "stream": "people",
            "data": {"email": "ada@example.com", **{f"p{number}": f"value {number}" for number in range(ATTRIBUTES)}},
            "emitted_at": 1,
        },
    }
).encode()


def plan_of(*, templates: int, misspelled: int = 0) -> StreamPlan:
    """Compile twenty attributes, so many of them templates of two names, and so many that no record has."""
    attributes = [
        {"property": f"{{{{ record.p{number} }}}} {{{{ record.email }}}}" if number < templates else f"p{number}"}
        | {"attribute": f"a{number}"}
        for number in range(ATTRIBUTES - misspelled)
    ]
    attributes += [{"property": f"q{number}", "attribute": f"b{number}"} for number in range(misspelled)]
    config = parse_config(
        {
            "access_token": "none",
            "identity": {"property": "email", "intercom_field": "email"},
            "users": {"mode": "enabled", "streams": [{"stream": "people"}], "attributes": attributes},
        }
    )
    catalog = parse_catalog({"streams": [{"stream": {"name": "people", "json_schema": {}}}]})
    return compile_plan(config, catalog, make_kinds(KindParts(config, now=lambda: 0.0))).streams[StreamName("people")]


def map_line(plan: StreamPlan) -> None:
    """Make a contact of a line, as a sync does."""
    message = cast("RecordMessage", parse_line(LINE, 1))
    data = plan.repair(message.data, message.changed)
    if plan.watch.is_open:
        plan.watch.look(data)
    for part in plan.parts:
        part.map_record(data)


def record_rows() -> list[list[object]]:
    """Measure a whole record with none, five and twenty templates."""
    costs = {templates: seconds(partial(map_line, plan_of(templates=templates))) for templates in (0, 5, ATTRIBUTES)}
    rows: list[list[object]] = [[f"templates among {ATTRIBUTES} attributes", "against none"]]
    rows += [[templates, f"{cost / costs[0]:.2f}"] for templates, cost in costs.items()]
    return rows


def main() -> None:
    """Measure each property, and what those pay who use no template."""
    name = compile_property("first_name")
    base = seconds(partial(name, RECORD))
    rows: list[list[object]] = [["property", "of 40 µs", "against a name"]]
    for text in PROPERTIES:
        read = compile_property(text)
        cost = seconds(partial(read, RECORD))
        rows.append([text, f"{cost / ALLOWED:.0%}", f"{cost / base:.0f}"])
    show("a property and a record", rows)
    show("a record", record_rows())
    by_hand = seconds(partial(RECORD.get, "first_name", MISSING))
    without: list[list[object]] = [
        ["what those pay who use none", ""],
        ["a name, against dict.get", f"{base / by_hand:.1f}"],
    ]
    seen, unseen = (seconds(partial(map_line, plan_of(templates=0, misspelled=count))) for count in (0, 3))
    without.append(["a record with three properties that none has, against none", f"{unseen / seen:.2f}"])
    without += [[f"Jinja imported for {text}", modules_of(text)] for text in ("first_name", "{{ record.first_name }}")]
    show("without a template", without)


if __name__ == "__main__":
    main()
