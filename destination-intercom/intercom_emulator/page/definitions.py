"""The page of what a workspace defines: its data attributes, and its event names."""

from intercom_emulator.core import Sight
from intercom_emulator.page.frame import frame
from intercom_emulator.page.html import BRIEF, Html, element, section, table, value
from intercom_emulator.page.paths import Place


def show_definitions(sight: Sight, place: Place) -> Html:
    """Return the page."""
    workspace, settings = sight.workspace, sight.settings
    custom = [each for each in workspace.attributes.listed(None, archived=True, with_datetime=True) if each["custom"]]
    rows = [
        (
            [value(each["name"]), " (archived)" if each["archived"] else None],
            each["model"],
            each["data_type"],
            value(each["label"], BRIEF),
            value(", ".join(each.get("options", ())), BRIEF),
        )
        for each in place.cut(custom)
    ]
    names = workspace.events.names
    others = f", {settings.other_event_names:,} of them by other apps" if settings.other_event_names else ""
    taken = f"{len(names) + settings.other_event_names:,} of {settings.event_name_limit:,} are in use{others}."
    return frame(
        "Attributes and event names",
        place,
        section(
            "attributes",
            "Custom attributes",
            place.pager(len(custom), "attributes"),
            table(("Name", "Of", "Type", "Label", "Options"), rows, caption="Custom attributes", wide=(3,)),
        ),
        section(
            "names", "Event names", element("p", taken), element("ul", [element("li", value(each)) for each in names])
        ),
    )
