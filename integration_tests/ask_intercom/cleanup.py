"""Taking away what was made, now or by a run that was killed. Only what has a name of ours, or is in the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import KINDS, PREFIX, Workspace

_TRIES = 3
_GONE = (404, 410)
_PER_PAGE = 150
_MOST_PAGES = 20
_UNIQUE = ("contact", "company")
"""Kinds whose ids no other workspace has. Tags and attributes have small numbers, and are all listed by their names."""

_PATHS = {"contact": "/contacts/{}", "company": "/companies/{}", "tag": "/tags/{}", "attribute": "/data_attributes/{}"}


def sweep(workspace: Workspace) -> Counter[str]:
    """Delete our contacts, companies and tags, and archive our attributes; return how many are left, by kind.

    Companies go before their people, for without people nothing shows them.
    """
    _settle(workspace)
    left = []
    for kind in KINDS:
        for each in list(workspace.own[kind]):
            if _take_away(workspace, kind, each):
                del workspace.own[kind][each]
            else:
                left.append((kind, each))
    workspace.journal.replace(left, workspace.unsure)
    return Counter(kind for kind, _ in (*left, *workspace.unsure))


def _settle(workspace: Workspace) -> None:
    """Find out of what may have been made whether it was; what cannot be found out stays unsure."""
    for kind, name in list(workspace.unsure):
        try:
            settled = _find(workspace, kind, name)
        except NoAnswer:
            continue
        if settled:
            workspace.unsure.pop((kind, name), None)


def _find(workspace: Workspace, kind: str, name: str) -> bool:
    """Adopt what was made under a name; return whether that, or that there is no such thing, is certain."""
    if kind == "company":
        # One without people may be shown nowhere; to write it tells its id, or makes it, and then it goes.
        return workspace.update_company(name).ok
    if kind == "contact" and "@" in name:
        # Of a lead nothing tells but the search, which lags.
        return (
            workspace.measure(lambda: _adopt_all(workspace, kind, _searched(workspace, "contacts", "email", name)))
            is not None
        )
    if kind == "contact":
        answer = workspace.call("GET", f"/contacts/find_by_external_id/{name}")
        workspace.adopt(kind, answer.body, name)
        return answer.ok or answer.status in _GONE
    path = "/tags" if kind == "tag" else "/data_attributes"
    answer = workspace.call("GET", path)
    _adopt_all(workspace, kind, _data(answer))
    return answer.ok


def _adopt_all(workspace: Workspace, kind: str, shown: Iterable[Any]) -> bool:
    """Adopt what is ours of a list; return whether anything is."""
    return sum(workspace.adopt(kind, each) for each in shown) > 0


def _take_away(workspace: Workspace, kind: str, made: str) -> bool:
    """Delete or archive one thing of ours; return whether it is gone."""
    path = _PATHS[kind].format(made)
    for attempt in range(_TRIES):
        if attempt:
            workspace.clock.sleep(2.0**attempt)
        try:
            if kind == "attribute":
                answer = workspace.call("PUT", path, {"archived": True})
            else:
                answer = workspace.call("DELETE", path)
        except NoAnswer:
            continue
        if answer.ok or answer.status in _GONE:
            return True
    return False


def recover(workspace: Workspace) -> int:
    """Find what earlier runs left, or may have, and return how many things that is; `sweep` takes them away."""
    entries = workspace.journal.read()
    for entry in entries:
        if "id" in entry and entry.get("kind") in _UNIQUE:
            workspace.own[entry["kind"]][entry["id"]] = None
    named = {(each["kind"], each["name"]): "id" in each for each in entries if "kind" in each and each.get("name")}
    workspace.unsure.update(dict.fromkeys(key for key, is_known in named.items() if not is_known and key[0] in KINDS))
    for kind, shown in _listed(workspace):
        workspace.adopt(kind, shown)
    return sum(map(len, workspace.own.values())) + len(workspace.unsure)


def _listed(workspace: Workspace) -> Iterator[tuple[str, Any]]:
    """Walk what the lists and searches show of ours; one that fails is passed over."""
    for field in ("external_id", "email"):
        yield from (("contact", each) for each in _searched(workspace, "contacts", field, PREFIX))
    yield from (("company", each) for each in _searched(workspace, "companies", "company_id", PREFIX))
    yield from (("tag", each) for each in _data(workspace.call("GET", "/tags")))
    for model in ("contact", "company"):
        attributes = _data(workspace.call("GET", f"/data_attributes?model={model}"))
        yield from (("attribute", each) for each in attributes)


def _searched(workspace: Workspace, collection: str, field: str, begin: str) -> Iterator[Any]:
    """Walk the answers of a search by how a field begins, page by page; companies can be searched in Preview only."""
    version = "Preview" if collection == "companies" else "2.16"
    paging: dict[str, Any] = {"per_page": _PER_PAGE}
    for _ in range(_MOST_PAGES):
        question = {"query": {"field": field, "operator": "^", "value": begin}, "pagination": paging}
        answer = workspace.call("POST", f"/{collection}/search", question, version=version)
        yield from _data(answer)
        cursor = answer.get("pages", "next", "starting_after")
        if not isinstance(cursor, str):
            return
        paging = {"per_page": _PER_PAGE, "starting_after": cursor}


def _data(answer: Answer) -> list[Any]:
    data = answer.get("data")
    return data if isinstance(data, list) else []
