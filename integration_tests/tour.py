"""A tour of the emulator: each endpoint, each refusal that it knows, each answer of the settings that are guesses."""

import json
from typing import Any

from intercom_emulator import Intercom

HEADERS = {
    "Authorization": "Bearer test-token",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Intercom-Version": "2.16",
}


def ask(intercom: Intercom, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Call the emulator and return status and decoded body."""
    raw = b"" if body is None else json.dumps(body).encode()
    sent = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = intercom.handle(method, path, sent, raw)
    return answer.status, json.loads(answer.body) if answer.body else None


def tour(intercom: Intercom) -> None:
    """Visit every endpoint, and every refusal that the emulator knows."""
    _, ada = ask(intercom, "POST", "/contacts", {"external_id": "42", "email": "Ada@example.com", "signed_up_at": 5})
    _, lead = ask(intercom, "POST", "/contacts", {"role": "lead", "email": "ada@example.com", "external_id": None})
    _, gone = ask(intercom, "POST", "/contacts", {"external_id": "43"})
    _, kept = ask(intercom, "POST", "/contacts", {"external_id": "44", "email": "b@example.com"})
    contact, merged = f"/contacts/{ada['id']}", f"/contacts/{gone['id']}"
    intercom.merge(gone["id"], kept["id"])
    for name, data_type in (("plan", "string"), ("age", "integer"), ("ltv", "float"), ("vip", "boolean")):
        ask(intercom, "POST", "/data_attributes", {"name": name, "model": "contact", "data_type": data_type})
    calls: list[tuple[str, str, object]] = [
        ("GET", "/me", None),
        ("POST", "/data_attributes", {"name": "seen", "model": "contact", "data_type": "datetime", "description": "d"}),
        ("POST", "/data_attributes", {"name": "born", "model": "contact", "data_type": "date"}),
        (
            "POST",
            "/data_attributes",
            {"name": "hue", "model": "contact", "data_type": "options", "options": [{"value": "a"}, {"value": "b"}]},
        ),
        ("POST", "/data_attributes", {"name": "plan", "model": "company", "data_type": "string"}),
        ("POST", "/data_attributes", {"name": "a.b", "model": "contact", "data_type": "string"}),
        ("POST", "/data_attributes", {"name": "x", "model": "contact", "data_type": "text"}),
        ("POST", "/data_attributes", {"name": "x", "model": "conversation", "data_type": "string"}),
        ("GET", "/data_attributes", None),
        ("GET", "/data_attributes?model=contact&include_archived=true", None),
        ("GET", "/data_attributes?model=conversation", None),
        ("POST", "/contacts", {"external_id": "42"}),
        ("POST", "/contacts", {"external_id": "43"}),
        ("POST", "/contacts", {"external_id": "50", "email": "b@example.com"}),
        ("POST", "/contacts", {}),
        ("POST", "/contacts", {"external_id": "51", "owner_id": "1"}),
        ("POST", "/contacts", {"external_id": "51", "custom_attributes": {"nope": 1}}),
        (
            "PUT",
            contact,
            {
                "name": "Ada",
                "avatar": "https://example.com/a.png",
                "owner_id": "991267459",
                "unsubscribed_from_emails": True,
                "custom_attributes": {"plan": "pro", "age": 36, "ltv": 1.5, "vip": True, "seen": 5, "hue": "a"},
            },
        ),
        ("PUT", contact, {"custom_attributes": {"hue": "outside of the list"}}),
        ("PUT", contact, {"name": None, "phone": None, "email": None, "custom_attributes": {"plan": None}}),
        ("PUT", contact, {"role": "lead"}),
        ("PUT", contact, {"external_id": "44"}),
        ("PUT", contact, {"custom_attributes": {"age": "x"}}),
        ("PUT", f"/contacts/{lead['id']}", {"role": "user", "external_id": "60"}),
        ("PUT", merged, {"name": "x"}),
        ("PUT", "/contacts/5da6f18e3d7cf967e4582d05", {"name": "x"}),
        ("GET", contact, None),
        ("GET", merged, None),
        ("GET", "/contacts/5da6f18e3d7cf967e4582d05", None),
        ("GET", "/contacts/find_by_external_id/42", None),
        ("GET", "/contacts/find_by_external_id/43", None),
        ("GET", "/contacts/find_by_external_id/nobody", None),
        ("GET", "/contacts?per_page=1", None),
        ("POST", "/contacts/search", {"query": {"field": "external_id", "operator": "IN", "value": ["42", "44"]}}),
        (
            "POST",
            "/contacts/search",
            {
                "query": {
                    "operator": "OR",
                    "value": [
                        {"field": "external_id", "operator": "IN", "value": ["42"]},
                        {"field": "email", "operator": "=", "value": None},
                    ],
                },
                "pagination": {"per_page": 1},
                "sort": {"field": "created_at", "order": "ascending"},
            },
        ),
        (
            "POST",
            "/contacts/search",
            {
                "query": {
                    "operator": "AND",
                    "value": [{"operator": "OR", "value": [{"field": "created_at", "operator": ">", "value": 5}]}],
                }
            },
        ),
        ("POST", "/contacts/search", {"query": {"field": "shoe", "operator": "=", "value": "x"}}),
        ("POST", "/events", {"event_name": "ordered", "user_id": "42", "created_at": 5}),
        (
            "POST",
            "/events",
            {
                "event_name": "ordered",
                "id": ada["id"],
                "created_at": 6,
                "metadata": {"n": 1.5, "ok": True, "price": {"amount": 1, "currency": "eur"}, "to": "x", "a_date": 1},
            },
        ),
        ("POST", "/events", {"event_name": "ordered", "id": ada["id"], "user_id": "42", "email": "x", "created_at": 7}),
        ("POST", "/events", {"event_name": "ordered", "id": lead["id"], "created_at": 7}),
        ("POST", "/events", {"event_name": "ordered", "user_id": "nobody", "created_at": 5}),
        ("POST", "/events", {"event_name": "ordered", "created_at": 5}),
        ("POST", "/events", {"event_name": "second name", "user_id": "42", "created_at": 5}),
        ("GET", "/events?type=user&user_id=42", None),
        ("GET", "/events?type=user&user_id=42&summary=true", None),
        ("POST", f"{contact}/archive", {}),
        ("GET", contact, None),
        ("POST", "/contacts", {"external_id": "42"}),
        ("POST", f"{contact}/unarchive", {}),
        ("DELETE", contact, None),
        ("POST", f"{contact}/unarchive", {}),
        ("POST", f"{merged}/unarchive", {}),
    ]
    for method, path, body in calls:
        ask(intercom, method, path, body)
    _visit_leads(intercom)
    _visit_attributes(intercom)
    _visit_companies(intercom, f"/contacts/{kept['id']}")
    _visit_tags(intercom, kept["id"])
    _visit_bulk(intercom, kept["id"])
    _doubt(intercom, f"/contacts/{kept['id']}")
    ask(intercom, "GET", "/me", Authorization="Bearer stranger")
    ask(intercom, "GET", "/contacts", Authorization="Bearer narrow")
    ask(intercom, "GET", "/me", Accept="text/html")
    ask(intercom, "GET", "/me", Intercom_Version="0.9")
    intercom.change_settings({"plan_restricted": True})
    ask(intercom, "GET", "/me")
    intercom.change_settings(
        {"plan_restricted": False, "search_malformed": 500, "app_present": False, "limit": 100_000}
    )
    ask(intercom, "GET", "/me")
    ask(intercom, "POST", "/contacts/search", {"query": 1})
    intercom.change_settings({"limit": 0})
    ask(intercom, "GET", "/me")


def _doubt(intercom: Intercom, contact: str) -> None:
    """Visit the other answer of the settings that are guesses."""
    odd = {"avatar": "me.png", "signed_up_at": 253_370_764_800}
    for named in ("field", "nothing"):
        intercom.change_settings({"refused_field": named})
        assert ask(intercom, "PUT", contact, odd)[0] == 400
    intercom.change_settings(
        {
            "unusual_values": "take",
            "normalized_fields": ["phone", "name", "avatar", "custom_attributes"],
            "options_outside": "refuse",
            "update_with_known_email": "take",
        }
    )
    intercom.seed({"changes": [{"set": {"external_id": "70", "email": "eve@example.com", "phone": "+1 5"}}]})
    sent = odd | {"phone": "+1 5", "name": " Bob ", "email": "eve@example.com", "custom_attributes": {"plan": " pro "}}
    assert ask(intercom, "PUT", contact, sent)[0] == 200
    assert ask(intercom, "PUT", contact, {"custom_attributes": {"hue": "outside of the list"}})[0] == 400
    assert ask(intercom, "GET", "/contacts/find_by_external_id/70")[0] == 200


def _visit_leads(intercom: Intercom) -> None:
    """Upgrade a lead, and merge others into a user."""
    address = {"email": "lead@example.com"}
    _, user = ask(intercom, "POST", "/contacts", {"external_id": "80", **address})
    leads = [ask(intercom, "POST", "/contacts", {"role": "lead", **address})[1]["id"] for _ in range(2)]
    nameless = ask(intercom, "POST", "/contacts", {"role": "lead"})[1]["id"]
    _visit(
        intercom,
        [
            ("PUT", f"/contacts/{leads[0]}", {"role": "user"}, 409),
            ("PUT", f"/contacts/{nameless}", {"role": "user"}, 400),
            ("POST", "/contacts/merge", {"from": leads[0], "into": user["id"]}, 200),
            ("POST", "/contacts/merge", {"from": leads[0], "into": user["id"]}, 404),
            ("POST", "/contacts/merge", {"from": leads[1], "into": leads[1]}, 400),
            ("POST", "/contacts/merge", {"from": nameless, "into": user["id"]}, 400),
            ("GET", f"/contacts/{leads[0]}", None, 410),
            (
                "POST",
                "/contacts/merge",
                {"from": nameless, "into": user["id"], "skip_duplicate_validation": True},
                200,
            ),
            ("PUT", f"/contacts/{leads[1]}", {"role": "user", "email": "upgraded@example.com"}, 200),
        ],
    )
    intercom.change_settings({"get_of_merged": 404})
    _visit(intercom, [("GET", f"/contacts/{leads[0]}", None, 404)])
    intercom.change_settings({"get_of_merged": 410})


def _visit_attributes(intercom: Intercom) -> None:
    """Change an attribute, archive it and bring it back."""
    options = [{"value": "a"}, {"value": "b"}]
    made = {"name": "shade", "model": "contact", "data_type": "options", "options": options}
    _, shade = ask(intercom, "POST", "/data_attributes", made)
    path = f"/data_attributes/{shade['id']}"
    _visit(
        intercom,
        [
            ("PUT", path, {"archived": True, "options": options}, 200),
            ("PUT", path, {"archived": False, "description": "d", "options": [*options, {"value": "c"}]}, 200),
            ("PUT", path, {"options": {"value": "a"}}, 400),
            ("PUT", "/data_attributes/1", {"archived": True}, 404),
        ],
    )


def _visit_companies(intercom: Intercom, contact: str) -> None:
    """Write, read, attach and archive companies; `contact` is the path of somebody."""
    for name, data_type in (("tier", "string"), ("seats", "integer"), ("trial", "boolean")):
        ask(intercom, "POST", "/data_attributes", {"name": name, "model": "company", "data_type": data_type})
    fields = {
        "name": "Acme",
        "plan": "Pro",
        "size": 7,
        "website": "acme",
        "industry": "Anvils",
        "monthly_spend": 155.98,
    }
    times = {"remote_created_at": 5, "update_last_request_at": True}
    custom = {"custom_attributes": {"tier": "gold", "seats": 5, "trial": False}}
    _, acme = ask(intercom, "POST", "/companies", {"company_id": "1", **fields, **times, **custom})
    _, bare = ask(intercom, "POST", "/companies", {"company_id": "2"})
    company, companies = f"/companies/{acme['id']}", f"{contact}/companies"
    visits: list[tuple[str, str, object, int]] = [
        ("POST", "/companies", {"company_id": "1", "name": None, "custom_attributes": {"tier": None}}, 200),
        ("POST", "/companies", {"company_id": "1", "test": 1}, 400),
        ("POST", "/companies", {"name": "Acme"}, 400),
        ("POST", "/companies", {"company_id": "1", "custom_attributes": {"nope": 1}}, 400),
        ("POST", "/companies", {"company_id": "1", "monthly_spend": 2**31}, 400),
        ("PUT", company, {"name": "Acme Inc", "custom_attributes": {"seats": 6}}, 200),
        ("PUT", "/companies/nobody", {"name": "x"}, 404),
        ("GET", company, None, 200),
        ("GET", "/companies/nobody", None, 404),
        ("GET", "/companies?company_id=1", None, 200),
        ("GET", "/companies?company_id=nobody", None, 404),
        ("GET", "/companies?name=Acme%20Inc", None, 200),
        ("POST", companies, {"id": acme["id"]}, 200),
        ("POST", companies, {"id": acme["id"]}, 200),
        ("POST", companies, {"id": bare["id"]}, 200),
        ("POST", companies, {"id": "nobody"}, 404),
        ("POST", companies, {}, 400),
        ("POST", "/contacts/nobody/companies", {"id": acme["id"]}, 404),
        ("GET", contact, None, 200),
        ("GET", companies, None, 200),
        ("GET", f"{companies}?per_page=1", None, 200),
        ("GET", "/contacts/nobody/companies", None, 404),
        ("GET", f"{company}/contacts", None, 200),
        ("GET", "/companies", None, 200),
        ("GET", "/companies?per_page=1&page=1", None, 200),
        ("POST", "/companies/list?order=asc&per_page=1", None, 200),
        ("DELETE", f"{companies}/{bare['id']}", None, 200),
        ("DELETE", f"{companies}/{bare['id']}", None, 404),
        ("DELETE", f"/contacts/nobody/companies/{bare['id']}", None, 404),
    ]
    _visit(intercom, visits)
    question = {"field": "company_id", "operator": "IN", "value": ["1", "2"]}
    for query, status in ((question, 200), (question | {"field": "plan.name"}, 400)):
        body = {"query": query, "pagination": {"per_page": 1}}
        assert ask(intercom, "POST", "/companies/search", body, Intercom_Version="Preview")[0] == status
    others: dict[str, Any] = {"company_by_company_id": "list", "attached_companies_in": "companies"}
    intercom.change_settings(others | {"contact_company_limit": 1, "company_race": 60.0})
    _visit(
        intercom,
        [
            ("GET", "/companies?company_id=1", None, 200),
            ("GET", companies, None, 200),
            ("POST", companies, {"id": bare["id"]}, 400),
            ("POST", "/companies", {"company_id": "1"}, 400),
            ("DELETE", company, None, 200),
            ("DELETE", company, None, 404),
        ],
    )


def _visit_tags(intercom: Intercom, contact_id: str) -> None:
    """Make tags, tag somebody and a company with them, and take them off."""
    _, vip = ask(intercom, "POST", "/tags", {"name": "VIP"})
    path, nobody = f"/contacts/{contact_id}/tags", "5da6f18e3d7cf967e4582d05"
    _visit(
        intercom,
        [
            ("POST", "/tags", {"name": "Gold", "id": vip["id"]}, 200),
            ("POST", "/tags", {"name": "Gold", "id": "1"}, 404),
            ("POST", "/tags", {"name": "gold", "users": [{"id": contact_id}]}, 200),
            ("POST", "/tags", {"name": "gold", "users": [{"id": contact_id}, {"id": nobody}]}, 404),
            ("POST", "/tags", {"name": "gold", "companies": [{"company_id": "2"}]}, 200),
            ("POST", "/tags", {"name": "gold", "companies": [{"company_id": "2", "untag": True}]}, 200),
            ("POST", "/tags", {"name": ""}, 400),
            ("GET", "/tags", None, 200),
            ("GET", f"/tags/{vip['id']}", None, 200),
            ("GET", "/tags/1", None, 404),
            ("POST", path, {"id": vip["id"]}, 200),
            ("POST", path, {"id": "1"}, 404),
            ("POST", path, {}, 400),
            ("GET", path, None, 200),
            ("GET", f"/contacts/{contact_id}", None, 200),
            ("GET", f"/contacts/{nobody}/tags", None, 404),
            ("DELETE", f"{path}/{vip['id']}", None, 200),
            ("DELETE", f"{path}/{vip['id']}", None, 404),
            ("DELETE", f"/tags/{vip['id']}", None, 200),
            ("DELETE", f"/tags/{vip['id']}", None, 404),
        ],
    )
    intercom.change_settings({"tag_unknown": "leave_out"})
    _visit(intercom, [("POST", "/tags", {"name": "VIP", "users": [{"id": contact_id}, {"id": nobody}]}, 200)])


def _visit_bulk(intercom: Intercom, contact_id: str) -> None:
    """Create, update and delete in bulk, in jobs that go well and jobs that do not, and be refused."""
    tag = ask(intercom, "POST", "/tags", {"name": "Bulk"})[1]["id"]
    links = {"companies": [{"company_id": "6", "name": "Blue Sun"}], "tags": {"add": [{"id": tag}, {"id": "1"}]}}
    fields: dict[str, Any] = {
        "email": "bulk@example.com",
        "name": "B",
        "phone": "+1",
        "avatar": "https://example.com/a.png",
    }
    fields |= {"owner_id": "991267459", "unsubscribed_from_emails": True, "language_override": "fr"}
    times = {"role": "user", "signed_up_at": 5, "last_seen_at": 6}
    custom = {"custom_attributes": {"age": 36}}
    created = {"external_id": "90", **fields, **times, **custom, **links}
    updated = {"id": contact_id, "external_id": "44", "name": "B", **custom, **links}
    updated |= {"companies": [{"company_id": "6", "remove": True}], "tags": {"remove": [{"id": tag}]}}
    intercom.change_settings({"bulk_open": 60.0})
    _, job = ask(intercom, "POST", "/contacts/bulk", {"contacts": [created, created]}, Intercom_Version="2.17")
    appended = {"contacts": [updated], "job": {"id": job["id"]}}
    visits: list[tuple[str, str, object, int]] = [
        ("GET", f"/contacts/bulk/{job['id']}", None, 200),
        ("PUT", "/contacts/bulk", appended, 202),
        ("GET", f"/contacts/bulk/{job['id']}", None, 200),
        ("PUT", "/contacts/bulk", {"contacts": [updated], "job": {"id": "job_v2_0"}}, 404),
        ("GET", "/contacts/bulk/job_v2_0", None, 404),
        ("POST", "/contacts/bulk", {}, 422),
        ("POST", "/contacts/bulk", {"contacts": {}}, 422),
        ("PUT", "/contacts/bulk", {"contacts": ["x"]}, 422),
        ("PUT", "/contacts/bulk", {"contacts": [{"name": "x"}]}, 422),
        ("POST", "/contacts/bulk", {"contacts": [created] * 101}, 422),
        ("POST", "/contacts/bulk/delete", {"contacts": [{"id": "nobody"}]}, 202),
    ]
    _visit(intercom, visits, Intercom_Version="2.17")
    _visit(intercom, visits[:1], Intercom_Version="Preview")
    waits: dict[str, Any] = {"bulk_wait": 60.0, "bulk_open": 0.0}
    intercom.change_settings(waits)
    _, pending = ask(intercom, "POST", "/contacts/bulk", {"contacts": [created]}, Intercom_Version="2.17")
    closed = {"contacts": [updated], "job": {"id": pending["id"]}}
    _visit(intercom, [("PUT", "/contacts/bulk", closed, 403)], Intercom_Version="2.17")
    intercom.change_settings({"bulk_wait": 0.0, "bulk_version": "none"})
    _visit(intercom, [("PUT", "/contacts/bulk", {"contacts": [updated]}, 400)], Intercom_Version="2.17")
    intercom.change_settings({"bulk_absent": 404})
    _visit(intercom, [("PUT", "/contacts/bulk", {"contacts": [updated]}, 404)], Intercom_Version="2.17")


def _visit(intercom: Intercom, calls: list[tuple[str, str, object, int]], **headers: str) -> None:
    """Make calls, and see that each is answered with its status."""
    for method, path, body, status in calls:
        assert ask(intercom, method, path, body, **headers)[0] == status, (method, path)
