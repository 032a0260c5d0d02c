"""Companies: unknown fields, nulls, spends, the archive, who has people, and the lists of a contact."""

from __future__ import annotations

from integration_tests.ask_intercom.question import Finding, Question, join, tell, tell_measured
from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

_MOST = 2**31 - 1


def _with_person(workspace: Workspace) -> tuple[str, str, str]:
    """Make a company with a contact; return its ids, Intercom's first, and the contact's."""
    made, company_id = workspace.company()
    person = workspace.user()
    attached = workspace.call("POST", f"/contacts/{person}/companies", {"id": made})
    if not attached.ok:
        raise NoAnswer(f"a contact could not be attached: {attached.shown}")
    return made, company_id, person


def _ask_unknown_field(workspace: Workspace) -> Finding:
    """Write a field that no company has."""
    _, company_id = workspace.company()
    answer = workspace.update_company(company_id, ask_intercom=1)
    same = (answer.status, answer.code) == (400, "bad_request")
    return Finding(f"{answer.shown}; {'the emulator does the same' if same else 'the emulator has no such answer'}")


def _ask_race(workspace: Workspace) -> Finding:
    """Write to a company right after its creation, until it is accepted."""
    _, company_id = workspace.company()
    answers: list[Answer] = []

    def accepted() -> bool:
        answers.append(workspace.post_company(company_id, name="Ask Intercom"))
        return answers[-1].ok

    seconds = workspace.measure(accepted)
    if answers[0].code not in ("", "unique_company_constraint"):
        return Finding(answers[0].shown, outside=("company_race",))
    return tell_measured("company_race", seconds, f"a new company can be written (first answer {answers[0].shown})")


def _ask_by_company_id(workspace: Workspace) -> Finding:
    """Read a company with people by our id."""
    _, company_id, _ = _with_person(workspace)
    answer = workspace.call("GET", f"/companies?company_id={company_id}")
    if answer.ok and answer.get("company_id") == company_id:
        return Finding(f"{answer.shown}, the company", {"company_by_company_id": "company"})
    listed = answer.get("data")
    if answer.ok and isinstance(listed, list):
        return Finding(f"{answer.shown}, a list of {len(listed)}", {"company_by_company_id": "list"})
    return Finding(answer.shown, outside=("company_by_company_id",))


def _ask_without_people(workspace: Workspace) -> Finding:
    """Read a company that has no people."""
    made, _ = workspace.company()
    return tell("company_without_people", workspace.call("GET", f"/companies/{made}"), {200: "shown", 404: "hidden"})


def _ask_nulls(workspace: Workspace) -> Finding:
    """Clear a field and a custom attribute."""
    text = workspace.attribute("company", "company")
    _, company_id = workspace.company(industry="Anvils")
    filled = workspace.update_company(company_id, custom_attributes={text: "a"})
    if not filled.ok:
        raise NoAnswer(f"a company could not be written: {filled.shown}")
    field = workspace.update_company(company_id, industry=None)
    custom = workspace.update_company(company_id, custom_attributes={text: None})
    return join(
        _told_null("a field", field, field.get("industry")),
        _told_null("a custom attribute", custom, custom.get("custom_attributes", text)),
    )


def _told_null(what: str, answer: Answer, kept: object) -> Finding:
    if answer.status == 400:
        return Finding(f"{what}: {answer.shown}", {"company_nulls": "refuse"})
    if not answer.ok:
        return Finding(f"{what}: {answer.shown}", outside=("company_nulls",))
    how = "clear" if kept is None else "ignore"
    return Finding(f"{what}: {answer.shown}, {'cleared' if how == 'clear' else 'kept'}", {"company_nulls": how})


def _ask_spend(workspace: Workspace) -> Finding:
    """Write a spend that is one more than 32 bits hold."""
    _, company_id = workspace.company()
    answer = workspace.update_company(company_id, monthly_spend=_MOST + 1)
    if answer.ok and answer.get("monthly_spend") != _MOST:
        return Finding(f"{answer.shown}, kept as another number than the most", outside=("monthly_spend_beyond",))
    return tell("monthly_spend_beyond", answer, {400: "refuse", 200: "cap"})


def _ask_archive(workspace: Workspace) -> Finding:
    """Archive a company and write it again."""
    made, company_id = workspace.company()
    archived = workspace.call("DELETE", f"/companies/{made}")
    if not archived.ok:
        raise NoAnswer(f"a company could not be archived: {archived.shown}")
    again = workspace.update_company(company_id)
    if not again.ok:
        return Finding(again.shown, outside=("company_after_archive",))
    same = str(again.get("id")) == made
    words = f"{again.shown}, {'the same id' if same else 'another id'}"
    return Finding(words, {"company_after_archive": "same" if same else "new"})


def _ask_list(workspace: Workspace) -> Finding:
    """List the companies of a contact."""
    _, _, person = _with_person(workspace)
    answer = workspace.call("GET", f"/contacts/{person}/companies")
    places = [key for key in ("data", "companies") if isinstance(answer.get(key), list)]
    if len(places) == 1:
        return Finding(f"{answer.shown}, in `{places[0]}`", {"attached_companies_in": places[0]})
    return Finding(f"{answer.shown}, in {len(places)} places", outside=("attached_companies_in",))


def _ask_detach(workspace: Workspace) -> Finding:
    """Attach twice, and detach twice."""
    made, _, person = _with_person(workspace)
    attached = workspace.call("POST", f"/contacts/{person}/companies", {"id": made})
    first, again = (workspace.call("DELETE", f"/contacts/{person}/companies/{made}") for _ in range(2))
    if not first.ok:
        raise NoAnswer(f"a company could not be detached: {first.shown}")
    told = tell("detach_again", again, {200: 200, 404: 404})
    return Finding(f"detached again: {told.words}; attached again: {attached.shown}", told.settings, told.outside)


QUESTIONS = (
    Question(
        "10",
        "What does POST /companies with an unknown field answer?",
        "POST /companies with a field that no company has",
        (),
        3,
        _ask_unknown_field,
    ),
    Question(
        "21a",
        "How long after its creation is a company refused to be written?",
        "POST /companies twice with one company_id",
        ("company_race",),
        4,
        _ask_race,
    ),
    Question(
        "21b",
        "Does GET /companies?company_id= answer a company or a list?",
        "makes a company with a contact, and reads it",
        ("company_by_company_id",),
        4,
        _ask_by_company_id,
    ),
    Question(
        "21c",
        "Can a company without people be read by itself?",
        "makes one, and reads it by Intercom's id",
        ("company_without_people",),
        2,
        _ask_without_people,
    ),
    Question(
        "21d",
        "What does null do to a field and an attribute of a company?",
        "POST /companies with an industry and an attribute, then with null",
        ("company_nulls",),
        9,
        _ask_nulls,
    ),
    Question(
        "21e",
        "What becomes of a monthly_spend of 2147483648?",
        "POST /companies with it",
        ("monthly_spend_beyond",),
        3,
        _ask_spend,
    ),
    Question(
        "21f",
        "Does a POST of an archived company's id bring the same company back?",
        "DELETE /companies/{id}, then POST /companies",
        ("company_after_archive",),
        4,
        _ask_archive,
    ),
    Question(
        "21g",
        "Under which key are the companies of a contact listed?",
        "GET /contacts/{id}/companies",
        ("attached_companies_in",),
        4,
        _ask_list,
    ),
    Question(
        "21h",
        "What does it answer to detach a company that is not attached?",
        "DELETE /contacts/{id}/companies/{id}, twice",
        ("detach_again",),
        6,
        _ask_detach,
    ),
)
