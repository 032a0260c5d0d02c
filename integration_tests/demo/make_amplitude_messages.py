"""Make amplitude-messages.jsonl: an `events` stream as Airbyte's source-amplitude emits it, of invented people.

The fields are those of source-amplitude's `events` schema, which catalog.json declares; a record has all of them, null
where Amplitude knows nothing. Times are RFC 3339 with an offset, as that source writes them. The people are those of
faker-messages.jsonl, known by their ids as text, besides strangers and anonymous visitors. The messages are what
Airbyte's platform hands to a destination: records, and states that bear an integer id. The same file at each run.

    python integration_tests/demo/make_amplitude_messages.py
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

HERE = Path(__file__).resolve().parent
MESSAGES = HERE / "amplitude-messages.jsonl"
CATALOG = HERE / "catalog.json"

SEED = 42
FIRST_SESSION = datetime(2026, 11, 2, 7, 30, tzinfo=timezone.utc)
READ_AT = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)
SESSIONS = 34
RECORDS_PER_STATE = 30

FAKER_USERS = 300
STRANGERS = ("u-unknown-7", "u-unknown-12")

Json = dict[str, Any]

# country, region, city, latitude, longitude, language
PLACES = (
    ("Ireland", "Leinster", "Dublin", 53.35, -6.26, "English"),
    ("United States", "California", "Oakland", 37.8, -122.27, "English"),
    ("Germany", "Hamburg", "Hamburg", 53.55, 9.99, "German"),
    ("Australia", "Victoria", "Geelong", -38.15, 144.36, "English"),
    ("Brazil", "Bahia", "Salvador", -12.97, -38.5, "Portuguese"),
)
# platform, os_name, os_version, device_family, device_type, device_brand, library, version_name
DEVICES = (
    ("iOS", "ios", "19.1", "Apple iPhone", "Apple iPhone 15", "Apple", "amplitude-ios/8.22.2", "6.4.0"),
    ("Android", "android", "16", "Google Pixel", "Google Pixel 9", "google", "amplitude-android/2.40.1", "6.4.1"),
    ("Web", "Firefox", "145", "Linux", "Linux", None, "amplitude-ts/2.11.9", None),
)
# title, artist, genre, seconds
SONGS = (
    ("Harbour Lights at Four", "The Paper Kites of Ostrava", "indie", 214),
    ("Slow Tram", "Mira Valdane", "electronic", 187),
    ("A Field of Doors", "Nine Ordinary Owls", "folk", 251),
    ("Copper Rain", "Tobi Lindqvarn", "jazz", 342),
)
PAGES = ("home", "search", "playlists", "pricing")
PLANS = (("free", 0), ("premium", 9.99), ("family", 14.99))


def main() -> None:
    """Write the messages."""
    lines = [json.dumps(message, separators=(",", ":")) for message in make_messages()]
    MESSAGES.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{MESSAGES.name}: {len(lines)} messages")


def make_messages() -> Iterator[Json]:
    """Yield the records in the order of their upload, a state after every few, and a last state."""
    records = make_records(Random(SEED))
    emitted_at = int(READ_AT.timestamp() * 1000)
    for state_id, start in enumerate(range(0, len(records), RECORDS_PER_STATE), start=1):
        part = records[start : start + RECORDS_PER_STATE]
        for offset, data in enumerate(part, start=start):
            record = {"stream": "events", "data": data, "emitted_at": emitted_at + offset}
            yield {"type": "RECORD", "record": record}
        yield make_state(state_id, cursor=part[-1]["server_upload_time"], records=len(part))


def make_state(state_id: int, *, cursor: str, records: int) -> Json:
    """Return a stream state as the platform forwards it: with its own integer id."""
    state = {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": "events"}, "stream_state": {"server_upload_time": cursor}},
        "sourceStats": {"recordCount": float(records)},
        "id": state_id,
    }
    return {"type": "STATE", "state": state}


def make_records(random: Random) -> list[Json]:
    """Return all records, with two that Amplitude delivered twice and two that differ in their properties alone."""
    records = []
    start = FIRST_SESSION
    for number in range(SESSIONS):
        records += make_session(random, number, start=start)
        start += timedelta(minutes=random.randint(200, 900), seconds=random.randint(0, 59))
    plays = [record for record in records if record["event_type"] == "Song Played" and known(record)]
    for record in plays[3], plays[17]:
        records.insert(records.index(record) + 1, record)
    for record in plays[8], plays[24]:
        records.insert(records.index(record) + 1, make_near_duplicate(random, record))
    return records


def known(record: Json) -> bool:
    """Tell whether the record is of one of faker's people."""
    return record["user_id"] is not None and record["user_id"] not in STRANGERS


def make_near_duplicate(random: Random, record: Json) -> Json:
    """Return another event of the same person, name and second: Intercom would take the two for one."""
    properties = record["event_properties"] | {"ad_metrics.cost": 0.75, "completed": False}
    return record | make_ids(random) | {"event_properties": properties}


def make_session(random: Random, number: int, *, start: datetime) -> list[Json]:
    """Return one visit's events in their order; every tenth visitor is a stranger, every seventh is anonymous."""
    user_id: str | None = str(random.randint(1, FAKER_USERS))
    if number % 10 == 4:
        user_id = random.choice(STRANGERS)
    elif number % 7 == 3:
        user_id = None
    common = make_common(random, user_id, start=start)
    plan, price = random.choice(PLANS)
    common["user_properties"] = make_user_properties(random, plan)
    steps: list[tuple[str, Json]] = [("Page Viewed", make_page_view(random))]
    if user_id is not None and number % 4 == 1:
        steps.append(("$identify", {}))
    steps += [("Song Played", make_play(random, start)) for _ in range(random.randint(1, 3))]
    if price:
        steps += [(name, make_checkout(random, plan, price, at=start)) for name in make_checkout_steps(random)]
    if user_id is not None and number % 8 == 2:
        steps.append(("[Intercom] event.created", {"topic": "event.created", "event_name": "song played"}))
    return [make_record(random, common, step, at=start + timedelta(seconds=97 * n)) for n, step in enumerate(steps)]


def make_checkout_steps(random: Random) -> tuple[str, ...]:
    """Return the names of a purchase's events: three in four who start one complete it."""
    return ("Checkout Started", "Checkout Completed") if random.random() < 0.75 else ("Checkout Started",)


def make_page_view(random: Random) -> Json:
    """Return the properties of a page view."""
    page = random.choice(PAGES)
    return {"page": page, "page_url": f"https://music.example/{page}?ref=newsletter", "referrer": None}


def make_play(random: Random, at: datetime) -> Json:
    """Return the properties of a song played: nested values, a key with a dot, a date, an address."""
    title, artist, genre, seconds = random.choice(SONGS)
    return {
        "song": {"title": title, "artist": artist, "genres": [genre]},
        "duration_seconds": seconds,
        "completed": random.random() < 0.8,
        "song_url": f"https://music.example/songs/{title.lower().replace(' ', '-')}",
        "release_date": (at - timedelta(days=random.randint(30, 2000))).date().isoformat(),
        "ad_metrics.cost": round(random.uniform(0.01, 0.5), 4),
        "ad_metrics.clicks": random.randint(0, 3),
    }


def make_checkout(random: Random, plan: str, price: float, *, at: datetime) -> Json:
    """Return the properties of a purchase of a subscription; the price is in euros a month."""
    return {
        "plan": plan,
        "total": price,
        "currency": "EUR",
        "renewal_date": (at + timedelta(days=30)).date().isoformat(),
        "cart": {"lines": [{"sku": f"plan-{plan}", "quantity": 1}], "coupon": None},
        "ad_metrics.cost": round(random.uniform(0.5, 3.0), 4),
    }


def make_user_properties(random: Random, plan: str) -> Json:
    """Return what Amplitude knows of a visitor at this visit."""
    return {
        "plan": plan,
        "favourite_genre": random.choice(SONGS)[2],
        "songs_played": random.randint(1, 400),
        "marketing.opt_in": random.random() < 0.5,
        "player": {"quality": random.choice(("normal", "high")), "offline": False},
    }


def make_common(random: Random, user_id: str | None, *, start: datetime) -> Json:
    """Return what all events of one visit share: every field of the schema, null where nothing is known."""
    country, region, city, latitude, longitude, language = random.choice(PLACES)
    platform, os_name, os_version, family, device_type, brand, library, version = random.choice(DEVICES)
    schema = json.loads(CATALOG.read_text(encoding="utf-8"))["streams"]
    (events,) = (stream["stream"] for stream in schema if stream["stream"]["name"] == "events")
    return dict.fromkeys(events["json_schema"]["properties"]) | {
        "amplitude_id": random.randint(10**11, 10**12 - 1),
        "app": 734211,
        "city": city,
        "country": country,
        "data": {"path": "/2/httpapi", "group_first_event": {}, "group_ids": {}},
        "data_type": "event",
        "device_brand": brand,
        "device_family": family,
        "device_id": str(UUID(int=random.getrandbits(128), version=4)),
        "device_manufacturer": brand,
        "device_type": device_type,
        "group_properties": {},
        "groups": {},
        "ip_address": f"203.0.113.{random.randint(1, 254)}",
        "is_attribution_event": False,
        "language": language,
        "library": library,
        "location_lat": latitude,
        "location_lng": longitude,
        "os_name": os_name,
        "os_version": os_version,
        "plan": {},
        "platform": platform,
        "region": region,
        "session_id": int(start.timestamp() * 1000),
        "start_version": version,
        "user_creation_time": write_time(start - timedelta(days=random.randint(1, 900))),
        "user_id": user_id,
        "version_name": version,
    }


def make_record(random: Random, common: Json, step: tuple[str, Json], *, at: datetime) -> Json:
    """Return one event of a visit; it is uploaded seconds after it happened and processed soon after."""
    name, properties = step
    happened = at + timedelta(milliseconds=random.randint(0, 999))
    uploaded = happened + timedelta(milliseconds=random.randint(1500, 9000))
    moments = {
        "client_event_time": happened,
        "event_time": happened,
        "client_upload_time": uploaded,
        "server_received_time": uploaded + timedelta(milliseconds=120),
        "server_upload_time": uploaded + timedelta(milliseconds=135),
        "processed_time": uploaded + timedelta(milliseconds=1900),
    }
    times = {field: write_time(moment) for field, moment in moments.items()}
    event = {"event_type": name, "event_properties": properties}
    return common | times | event | make_ids(random)


def make_ids(random: Random) -> Json:
    """Return what tells one event from another in Amplitude."""
    return {
        "$insert_id": str(UUID(int=random.getrandbits(128), version=4)),
        "event_id": random.randint(1, 10**9),
        "uuid": str(UUID(int=random.getrandbits(128), version=4)),
    }


def write_time(moment: datetime) -> str:
    """Write a time as source-amplitude does: RFC 3339, in UTC with its offset, microseconds unless they are zero."""
    return moment.isoformat()


if __name__ == "__main__":
    main()
