"""The markup of the emulator's page: nothing of a client's becomes any of it."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from intercom_emulator.page.html import Html, element, link, moment, table, text, value
from intercom_emulator.page.paths import PER_PAGE, Place, address, read_place
from unit_tests.emulator.bench import Bench
from unit_tests.emulator.pages import Page, read

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)' x=\"",
    "javascript:alert(1)",
    "&lt;b&gt; &amp;amp;",
    "--><!--<b>",
    "<![CDATA[<b>]]>",
    "</title></style></textarea><svg onload=alert(1)>",
    "//evil.example/%2e%2e/?a=1&b=2#c",
    "a\u202eb\u2066c\x00d\x1be\r\n\tf",
    "\ud800 \udfff",
    "x" * 10_000,
    "é" * 300 + "\U0001f469\u200d\U0001f680",
]  # fmt: skip
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "h1",
        "h2",
        "h3",
    ),
    *("a", "nav", "ul", "li", "form", "label", "input", "button", "p", "div", "span", "small", "bdi", "b", "i", "time"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "details", "summary", "pre"),
    *("figure", "svg", "rect", "path"),
}
ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcset")


@given(st.text() | st.sampled_from(HOSTILE))
def test_text_when_anything_then_a_parser_reads_text_alone(words: str) -> None:
    """No element, no attribute, no reference comes of it, and what can be seen is all there."""
    page = Page(element("p", words, title=words))
    [(tag, attributes)] = page.elements
    assert ("p", ["title"]) == (tag, list(attributes))
    assert page.text == attributes["title"]
    rest = iter(page.text)
    assert all(each in rest for each in words if each.isprintable())


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\x00\x1b", "\\x00\\x1b"),
        ("a\nb", "a\nb"),
        ("<b>", "<b>"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
    ],
)
def test_text_when_it_cannot_be_seen_then_its_code_is_shown(words: str, shown: str) -> None:
    """What turns a line around, or is no character at all, hides nothing."""
    assert shown == Page(element("p", words)).text


def test_value_when_long_then_cut_and_the_rest_counted() -> None:
    """A page stays one that a browser can hold."""
    assert f"{'x' * 7} … and 9,993 characters more" == Page(value("x" * 10_000, 7)).text


@pytest.mark.parametrize(
    ("held", "shown"), [(True, "true"), (None, "null"), ({"a": "<"}, '{"a": "<"}'), (10**400, str(10**400))]
)
def test_value_when_no_text_then_json(held: object, shown: str) -> None:
    """A text that says true is told from a true by how it looks."""
    assert shown == Page(value(held)).text


@pytest.mark.parametrize("time", [1e300, -1e300, float("nan"), 10**400])
def test_moment_when_no_calendar_has_it_then_its_number(time: float) -> None:
    """A seeded time may be anything."""
    assert str(time) == Page(moment(time)).text


def test_element_when_an_attribute_is_none_or_false_then_left_out() -> None:
    """True is an attribute without a value."""
    shown = element("input", class_="a", data_live=True, hidden=False, id=None)
    assert '<input class="a" data-live>' == shown


def test_table_when_empty_then_says_so() -> None:
    """An empty table tells a reader nothing."""
    assert "None." == Page(table(("a",), [], caption="b")).text


@pytest.mark.parametrize("part", [*HOSTILE, ".", "..", "", "a/b"])
def test_address_when_a_part_is_anything_then_it_stays_here_and_comes_back(part: str) -> None:
    """An id may be what it likes: its address is one of ours, and names it."""
    path = address("contacts", part)
    assert path.startswith("/_page/contacts/")
    assert ("contacts", part) == read_place(path).parts
    assert path.isascii()
    assert 3 == path.count("/")


def test_place_when_no_utf_8_then_read_all_the_same() -> None:
    """Whoever types an address may type anything."""
    assert ("contacts", "\ufffd") == read_place("/_page/contacts/%ff").parts


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 5000, "99", "²", ""])
def test_pager_when_the_page_is_not_there_then_there_is_one_all_the_same(page: str) -> None:
    """A number out of range shows the first page, or the last."""
    place = Place(("contacts",), {"page": page})
    cut = place.cut(range(PER_PAGE + 1))
    assert list(cut) in (list(range(PER_PAGE)), [PER_PAGE])
    assert "of 51" in place.pager(PER_PAGE + 1, "contacts")


def _hostile_bench(word: str) -> Bench:
    """Put a hostile text wherever a client, or a situation, may put one."""
    bench = Bench()
    short = word[:200]
    bench.intercom.seed(
        {
            "data_attributes": [{"name": word, "label": word, "options": [word, "b"], "model": "contact"}],
            "tags": [{"name": word}],
            "companies": [{"id": f"c{word}", "company_id": word, "name": word, "custom_attributes": {word: word}, "tags": [{"name": word}]}],
            "contacts": [
                {
                    "id": word,
                    "external_id": word,
                    "email": f"{word}@example.com",
                    "name": word,
                    "avatar": word,
                    "custom_attributes": {word: word},
                    "location": {"city": word},
                    "tags": [{"name": word}],
                    "companies": [{"company_id": word}],
                }
            ],
        }
    )  # fmt: skip
    bench.send(user_id=word, event_name=short, metadata={"a": short, "url": {"url": short, "value": short}})
    bench.create(external_id="plain", name=short)
    bench.ask("PUT", f"/contacts/{address(word).removeprefix('/_page/')}", {"name": short, "avatar": word})
    path = word.encode("ascii", "backslashreplace").decode("ascii").translate(dict.fromkeys(range(33), "+"))
    bench.ask("GET", f"/{path}", {word: word}, X_Header=path)
    bench.intercom.set_faults([{"endpoint": "*", "kind": "html", "body": word}])
    bench.ask("POST", "/events", {"event_name": word})
    return bench


def _pages(bench: Bench, word: str) -> list[str]:
    query: dict[str, Any] = {
        "q": word,
        "tag": word,
        "company": word,
        "status": word,
        "endpoint": word,
        "fault": word,
        "by": word,
    }
    company = next(iter(bench.intercom.look(lambda sight: [each.id for each in sight.workspace.companies])))
    return [
        "/",
        "/?by=endpoint",
        *(address(name) for name in ("contacts", "companies", "requests", "jobs", "definitions")),
        address("contacts", q=word),
        address("contacts", **query),
        address("requests", **query),
        address("contacts", word),
        address("companies", company),
        *(address("requests", str(number)) for number in range(1, 6)),
    ]


@pytest.mark.parametrize("word", HOSTILE, ids=lambda each: repr(each[:20]))
def test_pages_when_values_are_hostile_then_hold_nothing_but_their_own_elements(word: str) -> None:
    """Names, ids, keys, metadata, bodies, headers, queries: all are text, and no address leads elsewhere."""
    bench = _hostile_bench(word)
    for target in _pages(bench, word):
        page = read(bench.intercom, target)
        assert set() == {tag for tag, _ in page.elements} - TAGS
        named = {name for _, given in page.elements for name in given}
        assert [] == [name for name in named if name.startswith("on") or name in ("style", "srcdoc")]
        told = [str(given[name]) for _, given in page.elements for name in ADDRESSES if name in given]
        assert [] == [each for each in told if not each.startswith(("/", "#content")) or each.startswith("//")]
        assert [{"src": "/_page/script.js", "defer": None}] == [
            given for tag, given in page.elements if tag == "script"
        ]


def test_pages_when_values_are_hostile_then_show_them() -> None:
    """Escaped is not left out: this one would be seen if it were text, and is."""
    word = HOSTILE[0]
    bench = _hostile_bench(word)
    assert all(word in read(bench.intercom, target).text for target in _pages(bench, word)[2:4])
    assert 3 < read(bench.intercom, address("contacts", word)).text.count(word)


def test_link_when_its_words_are_markup_already_then_they_stay_it() -> None:
    """Only what is no markup yet is escaped, and that once."""
    assert '<a href="/a?b&amp;c"><b>&lt;</b></a>' == link("/a?b&c", element("b", "<"))
    assert Html("&lt;") == text("<")
