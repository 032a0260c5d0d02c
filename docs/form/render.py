"""Draw the form of `spec.json` as Airbyte lays it out: form.html, and with a Chromium at hand form.png.

    python docs/form/render.py

As in Airbyte there is a card for each group, optional fields are folded away unless they are always shown, a section of
variants has a select, which is at the first, and an object has no title. Other than in Airbyte each list of objects has
one entry, which is open, and a description is always there, which Airbyte shows on a click.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
SPEC: Final = FOLDER.parents[1] / "destination-intercom" / "destination_intercom" / "spec.json"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH: Final = 820

STYLE: Final = """
body { background: #f4f4f8; color: #1a194d; font: 14px/1.45 Inter, "Liberation Sans", Arial, sans-serif; margin: 0 }
main { margin: 0 auto; padding: 24px; width: 740px }
h1 { font-size: 20px; margin: 0 0 16px } h2 { font-size: 15px; margin: 0 0 14px }
.card { background: #fff; border-radius: 10px; margin-bottom: 18px; padding: 20px 24px 8px }
.field { margin-bottom: 16px }
.title { font-weight: 600 } .optional { color: #8b8ba0; font-weight: 400; font-size: 12px }
.text { color: #5f5c9c; font-size: 12px; margin: 1px 0 5px }
.box { background: #f8f8fa; border: 1px solid #e0e0e9; border-radius: 6px; min-height: 20px; padding: 6px 10px }
.tall { min-height: 62px } .select { width: 220px } .select::after { content: "▾"; float: right }
.tag { background: #dcdcf4; border-radius: 4px; margin-right: 4px; padding: 1px 6px }
.row { align-items: start; display: flex; justify-content: space-between; gap: 16px }
.button { border: 1px solid #afafc1; border-radius: 6px; padding: 4px 12px }
.section { border: 1px solid #e0e0e9; border-radius: 8px; margin-bottom: 16px; padding: 12px 14px 0 }
.entry { border-left: 3px solid #cbc8ff; margin: 8px 0 14px; padding-left: 14px }
.switch { background: #d0d0dd; border-radius: 9px; display: inline-block; height: 16px; margin-right: 8px; width: 30px }
details { margin-bottom: 16px } summary { color: #615eff; cursor: pointer; font-weight: 600 }
details[open] summary { margin-bottom: 12px }
"""


def draw_page(spec: dict[str, Any]) -> str:
    """Draw the whole form."""
    cards = []
    for group in spec["groups"]:
        fields = {name: field for name, field in spec["properties"].items() if field["group"] == group["id"]}
        drawn = "".join(_draw_fields(fields, spec["required"]))
        cards.append(f'<section class="card"><h2>{escape(group["title"])}</h2>\n{drawn}</section>')
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>The form of destination-intercom</title>\n'
        f"<style>{STYLE}</style>\n<main><h1>Destination settings</h1>\n{chr(10).join(cards)}\n</main></html>\n"
    )


def _draw_fields(fields: dict[str, Any], required: list[str]) -> Iterator[str]:
    """Draw what is always shown, and then what is folded away."""
    folded = []
    for name, field in sorted(fields.items(), key=lambda each: each[1]["order"]):
        if field.get("airbyte_hidden") or "const" in field or len(field.get("enum", "  ")) == 1:
            continue
        drawn = _draw_field(field, is_required=name in required)
        if name in required or field.get("always_show") or field["type"] == "object":
            yield drawn
        else:
            folded.append(drawn)
    if folded:
        yield f"<details><summary>Optional fields</summary>\n{''.join(folded)}</details>\n"


def _draw_field(field: dict[str, Any], *, is_required: bool) -> str:
    if "oneOf" in field:
        first, *others = field["oneOf"]
        names = " | ".join(each["title"] for each in (first, *others))
        select = f'<div class="box select" title="{escape(names)}">{escape(first["title"])}</div>'
        inner = "".join(_draw_fields(first["properties"], first.get("required", [])))
        head = f'<div class="row"><div>{_draw_label(field, is_required=True)}</div>{select}</div>'
        return f'<div class="section">{head}\n{_draw_text(first["description"])}{inner}</div>\n'
    if field["type"] == "object":
        return "".join(_draw_fields(field["properties"], field.get("required", [])))
    label = _draw_label(field, is_required=is_required or field["type"] == "boolean")
    if field["type"] == "array" and field["items"]["type"] == "object":
        entry = "".join(_draw_fields(field["items"]["properties"], field["items"]["required"]))
        head = f'<div class="row"><div>{label}</div><div class="button">Add</div></div>'
        return f'<div class="section">{head}\n<div class="entry">{entry}</div></div>\n'
    if field["type"] == "boolean":
        return f'<div class="field"><span class="switch"></span>{label}</div>\n'
    return f'<div class="field">{label}{_draw_control(field)}</div>\n'


def _draw_label(field: dict[str, Any], *, is_required: bool) -> str:
    optional = "" if is_required else ' <span class="optional">Optional</span>'
    return f'<span class="title">{escape(field["title"])}</span>{optional}{_draw_text(field["description"])}'


def _draw_text(text: str) -> str:
    return f'<div class="text">{escape(text)}</div>'


def _draw_control(field: dict[str, Any]) -> str:
    default = field.get("default", "")
    if field["type"] == "array":
        return f'<div class="box">{"".join(f"<span class=tag>{escape(each)}</span>" for each in default)}</div>'
    kind = " select" if "enum" in field else " tall" if field.get("multiline") else ""
    return f'<div class="box{kind}">{escape(str(default))}</div>'


def take_picture(browser: str, page: Path, picture: Path) -> None:
    """Have a browser draw a page into a PNG of its whole height."""
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder) / "measured.html"
        script = "<script>document.body.dataset.height = document.documentElement.scrollHeight</script>"
        measured.write_text(page.read_text(encoding="utf-8").replace("</html>", f"{script}</html>"), encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        command += ["--disable-sync", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        shown = subprocess.run(
            [*command, f"--window-size={WIDTH},800", "--dump-dom", measured.as_uri()],
            check=True,
            capture_output=True,
            text=True,
        )
        [height] = re.findall(r'data-height="(\d+)"', shown.stdout)
        subprocess.run(
            [*command, f"--window-size={WIDTH},{height}", f"--screenshot={picture}", page.as_uri()],
            check=True,
            capture_output=True,
        )


def main() -> None:
    """Write the page, and the picture where there is a browser."""
    page = FOLDER / "form.html"
    spec = json.loads(SPEC.read_text(encoding="utf-8"))["connectionSpecification"]
    page.write_text(draw_page(spec), encoding="utf-8")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.stderr.write("No Chromium here: docs/form/form.png is left as it was.\n")
    else:
        take_picture(browser, page, FOLDER / "form.png")


if __name__ == "__main__":
    main()
