"""The page of logs against what the connector says."""

from __future__ import annotations

import pathlib
import re

import pytest

from integration_tests.support.sample_logs import SAMPLES, lines_of, shape, shorten

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "logs.md").read_text(encoding="utf-8")
_PARTS = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
SHOWN = {
    title: re.findall(r"^```log\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)[0]
    for title, text in zip(_PARTS[1::2], _PARTS[2::2], strict=True)
}


def test_page_has_a_log_for_each_sample() -> None:
    """And none of anything else."""
    assert list(SAMPLES) == list(SHOWN)


@pytest.mark.parametrize("title", SAMPLES)
def test_log_on_the_page_is_what_the_connector_says(title: str) -> None:
    """But for numbers, times and the ids of requests."""
    said = [re.sub("request id [0-9a-f]+", "request id X", line) for line in shorten(lines_of(SAMPLES[title]()))]
    shown = [re.sub("request id [0-9a-f]+", "request id X", line) for line in SHOWN[title].splitlines()]

    assert list(map(shape, shown)) == list(map(shape, said))
