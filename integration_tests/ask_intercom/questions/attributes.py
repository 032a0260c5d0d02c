"""Custom attributes: options, the moment after their creation."""

from __future__ import annotations

from integration_tests.ask_intercom.question import Finding, Question, tell, tell_measured
from integration_tests.ask_intercom.wire import NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

_OPTIONS = [{"value": "red"}, {"value": "blue"}]


def _ask_outside(workspace: Workspace) -> Finding:
    """Write a value that is none of an attribute's options."""
    hue = workspace.attribute("options", data_type="options", options=_OPTIONS)
    person = workspace.user(custom_attributes={hue: "red"})
    answer = workspace.call("PUT", f"/contacts/{person}", {"custom_attributes": {hue: "green"}})
    if answer.ok and answer.get("custom_attributes", hue) != "green":
        return Finding(f"{answer.shown}, and the value is not there", outside=("options_outside",))
    return tell("options_outside", answer, {200: "take", 400: "refuse"})


def _ask_lag(workspace: Workspace) -> Finding:
    """Use an attribute right after its creation, and again until it is accepted."""
    person, name = workspace.user(), workspace.new_name()
    made = workspace.post_attribute(name)
    if not made.ok:
        raise NoAnswer(f"a data attribute could not be made: {made.shown}")

    def accepted() -> bool:
        return workspace.call("PUT", f"/contacts/{person}", {"custom_attributes": {name: "a"}}).ok

    return tell_measured("attribute_lag", workspace.measure(accepted), "a contact can carry a new attribute")


QUESTIONS = (
    Question(
        "2",
        "Is a value outside of an attribute's list of options taken?",
        "PUT of a contact with a value that is none of two options",
        ("options_outside",),
        6,
        _ask_outside,
    ),
    Question(
        "14",
        "How long after its creation is an attribute refused as unknown?",
        "POST /data_attributes, then PUT of a contact with it until it is accepted",
        ("attribute_lag",),
        4,
        _ask_lag,
    ),
)
