"""What the emulator's page shows: contacts and who changed them, companies, requests, jobs, the plot."""

import json
import re
from typing import Any

import pytest

from intercom_emulator.page import Visit, show_page
from intercom_emulator.page.paths import address
from unit_tests.emulator.bench import Bench, decoded
from unit_tests.emulator.pages import Page, read, visit


def _cells(page: Page, section: str) -> list[list[str]]:
    """Return the rows of a section's table without its head."""
    return page.sections[section].rows[1:]


def test_contact_when_calls_changed_it_then_each_change_names_its_call() -> None:
    """From what, to what, when and by which call, the latest first; a search and a refusal between are none."""
    bench = Bench()
    bench.attribute("plan")
    made = bench.create(external_id="42", email="ada@example.com", name="Ada")
    bench.now += 1
    bench.found("external_id", "=", "42")
    bench.update(made, custom_attributes={"plan": 5})
    bench.now += 1
    bench.update(made, name="Ada L.", custom_attributes={"plan": "pro"})
    bench.now += 1
    acme = bench.company("acme")
    bench.now += 1
    bench.attach(made, acme)
    bench.now += 1
    bench.tag("VIP", made)
    bench.now += 1
    bench.ask("POST", f"/contacts/{made['id']}/archive")
    page = read(bench.intercom, address("contacts", made["id"]))
    assert [
        ["2023-11-14 22:13:31", "archived: none → true", "#8 POST /contacts/{id}/archive"],
        ["2023-11-14 22:13:30", "tags: none → VIP", "#7 POST /tags"],
        ["2023-11-14 22:13:29", "companies: none → acme", "#6 POST /contacts/{id}/companies"],
        [
            "2023-11-14 22:13:27",
            "name: Ada → Ada L.custom_attributes.plan: none → pro",
            "#4 PUT /contacts/{id}",
        ],
        ["2023-11-14 22:13:25", "created", "#1 POST /contacts"],
    ] == _cells(page, "changes")
    assert {"#8": "/_page/requests/8", "#1": "/_page/requests/1"}.items() <= page.sections["changes"].links.items()
    assert all(
        words in page.sections["values"].text for words in ("archived", "ada@example.com", "Ada L.", "pro", "VIP")
    )
    assert address("companies", acme["id"]) == page.sections["values"].links["acme"]


def test_contact_when_no_call_changed_it_then_says_what_did() -> None:
    """A seed, a planned change of somebody else's, a bulk job, and a call that is kept no more."""
    bench = Bench(bulk_duration=2, keep_exchanges=3)
    bench.intercom.seed(
        {
            "contacts": [{"id": "s", "external_id": "s"}],
            "changes": [{"after": 1, "contact": {"external_id": "s"}, "set": {"name": "Eve"}}],
        }
    )
    bench.now += 2
    bench.bulk("PUT", "", {"id": "s", "name": "Bulk"})
    bench.now += 2
    rows = _cells(read(bench.intercom, "/_page/contacts/s"), "changes")
    assert [
        ["name: Eve → Bulk", "bulk job job_v2_1"],
        ["name: none → Eve", "a call that is no longer kept"],
        ["was there at the start", "seeded"],
    ] == [row[1:] for row in rows]
    bench.now += 1
    gone = bench.create(external_id="g")
    for _ in range(3):
        bench.now += 1
        bench.get("/me")
    [row] = _cells(read(bench.intercom, address("contacts", gone["id"])), "changes")
    assert ["created", "a call that is no longer kept"] == row[1:]
    bench.intercom.merge(gone["id"], "s")
    row = _cells(read(bench.intercom, "/_page/contacts/s"), "changes")[0]
    assert "no call: changed outside the API" == row[2]


def test_contact_when_a_fault_hid_the_answer_then_the_call_did_it_all_the_same() -> None:
    """`reset_after` does what was asked; `reset_before` does not."""
    bench = Bench(faults=[{"endpoint": "*", "kind": "reset_after", "at": [1]}])
    bench.ask("POST", "/contacts", {"external_id": "1"})
    [contact] = bench.intercom.dump()["contacts"]
    [row] = _cells(read(bench.intercom, address("contacts", contact["id"])), "changes")
    assert "#1 POST /contacts" == row[2]


def test_contact_when_calls_share_a_moment_then_only_what_wrote_is_named() -> None:
    """A search, and a call that a fault ended before anything was done, name the contact, too."""
    bench = Bench(faults=[{"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 503}])
    made = bench.create(external_id="1")
    bench.found("external_id", "=", "1")
    bench.update(made, name="New")
    [row] = _cells(read(bench.intercom, address("contacts", made["id"])), "changes")
    assert ["created", "#1 POST /contacts"] == row[1:]


def test_event_when_its_first_call_failed_then_the_second_brought_it() -> None:
    """A retry is a call of its own."""
    bench = Bench(faults=[{"endpoint": "POST /events", "kind": "status", "status": 503, "first": 1}])
    made = bench.create(external_id="1")
    assert [503, 202] == [bench.send(user_id="1").status for _ in range(2)]
    [row] = _cells(read(bench.intercom, address("contacts", made["id"])), "events")
    assert "#3" == row[3]


def test_contact_when_the_search_lags_then_says_for_how_long() -> None:
    """The search does not see yet what the page shows."""
    bench = Bench(search_lag=60)
    made = bench.create(external_id="1")
    bench.now += 20
    row = _cells(read(bench.intercom, address("contacts", made["id"])), "changes")[0]
    assert row[0].endswith("found by the search in 40 s")


def test_events_when_a_contact_has_some_then_a_timeline_with_their_calls() -> None:
    """The latest by its own time first; of a duplicate the call that was first; another person's are not shown."""
    bench = Bench()
    made = bench.create(external_id="42", email="é@example.com")
    bench.create(external_id="421")
    bench.send(user_id="42", event_name="played", created_at=100, metadata={"song": "Yesterday", "n": 1})
    bench.send(email="é@example.com", event_name="played", created_at=200)
    bench.send(user_id="421", event_name="played", created_at=200)
    bench.send(user_id="42", event_name="PLAYED", created_at=100)
    rows = _cells(read(bench.intercom, address("contacts", made["id"])), "events")
    assert [
        ["1970-01-01 00:03:20", "played", "", "#4"],
        ["1970-01-01 00:01:40", "played", "song: Yesterdayn: 1", "#3"],
    ] == rows


def test_contacts_when_there_are_many_then_in_pages_the_latest_changed_first() -> None:
    """Fifty on a page, and each is on one."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"external_id": f"p{number}"} for number in range(120)]})
    [[first, *_]] = [[each["id"]] for each in bench.intercom.dump()["contacts"][:1]]
    bench.ask("PUT", f"/contacts/{first}", {"name": "Changed"})
    pages = [_cells(read(bench.intercom, f"/_page/contacts?page={number}"), "contacts") for number in (1, 2, 3)]
    names = [re.split(r"\s", row[0])[0] for rows in pages for row in rows]
    assert [50, 50, 20] == [len(rows) for rows in pages]
    assert ["p0", "p119"] == names[:2]
    assert 120 == len(set(names))
    assert ["name", "#1 PUT /contacts/{id}"] == [re.split(r"\d{4}-", pages[0][0][4])[0], pages[0][0][5]]
    links = read(bench.intercom, "/_page/contacts?page=2&q=p").sections["contacts"].links
    assert ("/_page/contacts?page=1&q=p", "/_page/contacts?page=3&q=p") == (links["Newer"], links["Older"])


def test_contacts_when_there_are_ten_thousand_then_a_page_is_as_large_as_any() -> None:
    """And so is the overview, and a contact that changed a hundred times."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"external_id": f"p{number}"} for number in range(10_000)]})
    busy = bench.create(external_id="busy")
    for number in range(100):
        bench.now += 0.5
        bench.update(busy, name=f"name {number}")
    pages = ["/", "/_page/contacts", "/_page/contacts?page=201", "/_page/contacts?q=p", address("contacts", busy["id"])]
    sizes = [len(visit(bench.intercom, page).body) for page in pages]
    assert max(sizes) < 100_000
    page = read(bench.intercom, "/_page/contacts?page=201")
    assert (1, "10,001 to 10,001 of 10,001") == (
        len(_cells(page, "contacts")),
        page.text[page.text.index("10,001 to") :][:26],
    )
    assert ["name: name 98 → name 99", 50] == [
        (rows := _cells(read(bench.intercom, pages[-1]), "changes"))[0][1],
        len(rows),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=AB", ["ab1", "x2"]), ("q=ab1", ["ab1"]), ("q=%40", ["ab1", "x2"]), ("q=nobody", []), ("q=id3", ["c"]), ("tag=t1", ["x2"]), ("company=c1", ["c"])],
)  # fmt: skip
def test_search_when_asked_then_finds_by_external_id_or_email(query: str, found: list[str]) -> None:
    """A part of either, in any case; Intercom's id only whole; or all of a tag or a company."""
    bench = Bench()
    bench.intercom.seed(
        {
            "tags": [{"id": "t1", "name": "VIP"}],
            "companies": [{"id": "c1", "company_id": "acme"}],
            "contacts": [
                {"external_id": "ab1", "email": "a@example.com"},
                {"external_id": "x2", "email": "ab@example.com", "tags": [{"id": "t1"}]},
                {"id": "id3", "external_id": "c", "companies": [{"id": "c1"}]},
            ],
        }
    )
    page = read(bench.intercom, f"/_page/contacts?{query}")
    shown = sorted(re.split(r"\s", row[0])[0] for row in _cells(page, "contacts"))
    assert found == shown


def test_company_when_shown_then_with_values_people_and_its_last_call() -> None:
    """And the list of companies and tags with their counts leads there."""
    bench = Bench()
    bench.attribute("tier", model="company")
    acme = bench.company("acme", name="Acme", custom_attributes={"tier": "gold"})
    ada = bench.create(external_id="ada")
    bench.attach(ada, acme)
    bench.tag("VIP", ada)
    listed = read(bench.intercom, "/_page/companies")
    assert [["acme", "Acme", "1"]] == [row[:3] for row in _cells(listed, "companies")]
    assert [["VIP", "1", "0"]] == _cells(listed, "tags")
    page = read(bench.intercom, listed.sections["companies"].links["acme"])
    assert all(words in page.sections["values"].text for words in ("custom_attributes.tier", "gold", "POST /companies"))
    assert "#1" in page.sections["values"].links
    assert ["ada"] == [re.split(r"\s", row[0])[0] for row in _cells(page, "people")]


def test_requests_when_shown_then_with_their_answers_and_without_tokens() -> None:
    """The latest first, of one kind if asked for, each with its bodies and headers."""
    bench = Bench(faults=[{"endpoint": "GET /me", "kind": "html", "status": 502}])
    bench.create(external_id="1")
    bench.ask("POST", "/contacts", {"external_id": "1"})
    bench.ask("GET", "/me")
    shown = [[row[0], row[1], row[2]] for row in _cells(read(bench.intercom, "/_page/requests"), "requests")]
    assert [
        ["#3", "GET /me", "502 fault: html"],
        ["#2", "POST /contacts", "409"],
        ["#1", "POST /contacts", "200"],
    ] == shown
    [only] = _cells(read(bench.intercom, "/_page/requests?status=409&endpoint=POST+%2Fcontacts"), "requests")
    assert "#2" == only[0]
    page = read(bench.intercom, "/_page/requests/2")
    assert '"external_id": "1"' in page.sections["request"].text
    assert '"conflict"' in page.sections["answer"].text
    assert "Bearer (hidden)" in page.sections["headers"].text
    assert "test-token" not in page.text


def test_request_when_no_answer_came_then_says_so() -> None:
    """A connection that broke shows no body."""
    bench = Bench(faults=[{"endpoint": "*", "kind": "reset_before"}])
    bench.ask("GET", "/me")
    page = read(bench.intercom, "/_page/requests/1")
    assert "no answer" in page.sections["request"].text
    assert "No body." in page.sections["answer"].text


def test_jobs_when_there_are_some_then_each_with_its_tasks() -> None:
    """How far each is, and how much of it failed."""
    bench = Bench(bulk_duration=10)
    bench.bulk("POST", "", {"external_id": "1"}, {"role": "user"})
    assert "running, 0 of 2 done" in _cells(read(bench.intercom, "/_page/jobs"), "jobs")[0][2]
    bench.now += 20
    [row] = _cells(read(bench.intercom, "/_page/jobs"), "jobs")
    assert ["job_v2_1", "completed_with_errors", "task_v2_2: completed_with_errors, 2 of 2 done, 1 failed"] == row[:3]


def test_definitions_when_shown_then_attributes_and_event_names() -> None:
    """The custom ones with type and options, and how many names are taken."""
    bench = Bench(other_event_names=7)
    bench.attribute("plan", label="The plan", options=["free", "pro"])
    bench.create(external_id="1")
    bench.send(user_id="1", event_name="played")
    page = read(bench.intercom, "/_page/definitions")
    assert [["plan", "contact", "string", "The plan", "free, pro"]] == _cells(page, "attributes")
    assert "8 of 120 are in use, 7 of them by other apps." in page.text
    assert "played" in page.sections["names"].text


def _bars(page: Page) -> list[tuple[str, float, float]]:
    """Return class, left edge and height of each bar of the plot; each stands on the one before, or on the ground."""
    found = [given for tag, given in page.elements if tag == "rect"]
    ground: dict[str | None, float] = {}
    for each in found:
        bottom = float(each["y"] or 0) + float(each["height"] or 0)
        assert abs(ground.get(each["x"], 100.0) - bottom) < 0.05
        ground[each["x"]] = float(each["y"] or 0)
    return [(str(each["class"]), float(each["x"] or 0), float(each["height"] or 0)) for each in found]


def test_plot_when_windows_hold_calls_then_bars_as_high_as_their_counts_under_the_quota() -> None:
    """One place for each window, empty ones too; statuses one upon the other; the quota as a line."""
    bench = Bench(limit=8)
    for _ in range(4):
        bench.get("/me")
    bench.ask("GET", "/contacts/x")
    bench.now += 20
    for _ in range(10):
        bench.ask("GET", "/me")
    page = read(bench.intercom)
    bars = _bars(page)
    assert ["c0", "c2", "c0", "c1"] == [color for color, _, _ in bars]
    unit = bars[1][2]
    assert [4, 1, 8, 2] == [round(height / unit, 2) for _, _, height in bars]
    places = sorted({left for _, left, _ in bars})
    assert [100.0] == [round(places[1] - places[0], 2)]  # two places of twelve
    lines = [float(re.split("[M h]", str(given["d"]))[2]) for tag, given in page.elements if tag == "path"]
    assert {round(100 - 8 * unit, 1)} == {round(each, 1) for each in lines}
    [told] = [given["aria-label"] for tag, given in page.elements if tag == "svg"]
    assert "15 calls in 2 windows; the fullest has 10; the quota is 8. The table below has the numbers." == told
    rows = _cells(page, "quota")
    assert [
        ["10", "8", "8 × GET /me: 2002 × GET /me: 429"],
        ["5", "8", "4 × GET /me: 2001 × GET /contacts/{id}: 404"],
    ] == [row[1:] for row in rows]


def test_plot_when_by_endpoint_then_the_most_called_have_colors_of_their_own() -> None:
    """The rest are one."""
    bench = Bench()
    for path in ("/me", "/me", "/tags", "/contacts", "/companies", "/data_attributes", "/contacts/x", "/tags/x"):
        bench.ask("GET", path)
    page = read(bench.intercom, "/?by=endpoint")
    assert "other endpoints" in page.sections["quota"].text
    assert 6 == len({color for color, _, _ in _bars(page)})
    assert "/" == page.sections["quota"].links["by status"]


def test_plot_when_calls_go_on_for_long_then_the_last_hour_of_windows_fits() -> None:
    """Sixty windows are shown, and nothing leaves the picture to the left."""
    bench = Bench()
    for _ in range(100):
        bench.get("/me")
        bench.now += 10
    bars = _bars(read(bench.intercom))
    assert 60 == len(bars)
    assert min(left for _, left, _ in bars) >= 0
    assert len(_cells(read(bench.intercom), "quota")) == 60


def test_troubles_when_calls_failed_then_counted_by_who_is_to_blame() -> None:
    """What the workspace refused, and what was injected; what was done as asked is not there."""
    bench = Bench(limit=2, faults=[{"endpoint": "GET /tags", "kind": "status", "status": 503}])
    for path in ("/me", "/tags", "/me"):
        bench.ask("GET", path)
    assert [
        ["GET /me", "429", "Intercom's rules", "1"],
        ["GET /tags", "503", "injected fault (status)", "1"],
    ] == sorted(_cells(read(bench.intercom), "troubles"))


def test_overview_when_shown_then_counts_everything() -> None:
    """Numbers, the contacts that changed last, the last requests."""
    bench = Bench(limit=4)
    bench.intercom.seed(
        {
            "contacts": [
                {"external_id": "1"},
                {"external_id": "2", "role": "lead"},
                {"external_id": "3", "archived": True},
            ]
        }
    )
    bench.create(external_id="new")
    bench.send(user_id="1")
    bench.tag("VIP")
    bench.company("acme")
    bench.ask("GET", "/me")
    text = read(bench.intercom).sections["numbers"].text
    told = re.sub(r"\s+", " ", text)
    assert (
        "contacts 3 (1 leads, 1 gone) companies 1 tags 1 events 1 event names 1 of 120 calls 5 refused by the quota 1"
        in told
    )
    rows = _cells(read(bench.intercom), "latest")
    assert re.split(r"\s", rows[0][0])[0] == "new"
    assert ["#5", "#4", "#3", "#2", "#1"] == [row[0] for row in _cells(read(bench.intercom), "requests")]


@pytest.mark.parametrize(
    "path",
    ["/_page/none", "/_page/contacts/none", "/_page/requests/1", "/_page/requests/x/y", "/_page/jobs/1", "/_page/../x"],
)
def test_page_when_there_is_none_then_404(path: str) -> None:
    """A page of its own, not a broken connection."""
    answer = visit(Bench().intercom, path)
    assert (404, "Not found") == (answer.status, Page(answer.body.decode()).elements and "Not found")
    assert "This page does not exist" in Page(answer.body.decode()).text


def test_page_when_not_read_then_405() -> None:
    """It is read, and its forms are posted."""
    assert 405 == show_page(Bench().intercom, Visit("DELETE", "/")).status


def test_page_when_empty_then_every_page_is_there() -> None:
    """Nothing has happened yet."""
    intercom = Bench().intercom
    for path in ("/", "/_page/contacts", "/_page/companies", "/_page/requests", "/_page/jobs", "/_page/definitions"):
        assert read(intercom, path).sections


def test_page_when_visited_then_counts_and_changes_nothing() -> None:
    """Who looks is no client: no call, no quota."""
    bench = Bench()
    bench.create(external_id="1")
    before = bench.intercom.dump()
    for path in ("/", "/_page/contacts", "/_page/requests/1"):
        read(bench.intercom, path)
    assert before == bench.intercom.dump()


def test_api_when_its_paths_are_listed_then_none_is_of_the_page() -> None:
    """The page takes nothing from the API."""
    bench = Bench()
    answer: dict[str, Any] = decoded(bench.ask("GET", "/_pages"))
    assert "error.list" == answer["type"]
    assert json.loads(bench.ask("GET", "/contacts").body)["type"] == "list"
