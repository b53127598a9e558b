"""The report as a page."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from cnat.cli.report import timeline
from cnat.cli.report.html import render
from cnat.cli.report.model import Kind, Report, Row
from tests.support import reports
from tests.support.factories import INSTANT


class Page(HTMLParser):
    """What a browser makes of it: its elements, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def due(hours: float, kind: Kind = Kind.UPCOMING) -> Row:
    return Row(kind, "team", "x", INSTANT + timedelta(hours=hours), "")


@pytest.mark.parametrize("report", [reports.plan(), reports.listing(), reports.hostile()])
def test_each_element_is_closed_and_nothing_is_loaded_or_run(report: Report) -> None:
    page = Page(render(report))
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "a", "iframe"})
    assert not re.search(r"url\(|@import|src=|href=", render(report))


def test_the_timeline_is_first_then_what_is_late_or_failed_then_the_rest() -> None:
    text = Page(render(reports.listing())).text
    order = ["Timeline", "Late or failed (2)", "team/late", "team/past", "Upcoming (1)"]
    found = [text.index(each) for each in order]
    assert found == sorted(found)


def test_each_at_has_its_story() -> None:
    text = Page(render(reports.listing())).text
    story = text[text.index("team/past") :]
    for fact in (
        "2023-05-21 03:00 CEST",
        "Late by2s",
        "Took59m 58s",
        "Exit code3",
        "Error: exit 3",
    ):
        assert fact in story
    assert "past-1, Evicted, exit code 137" in story
    assert "2023-05-19 22:00 CEST (2023-05-19T20:00:00Z): Succeeded" in story


def test_a_manifest_that_is_invalid_is_told_with_its_place() -> None:
    text = Page(render(reports.plan())).text
    assert "invalid a/typo.yaml:3:5 At typo, spec.imgae: unknown field" in text
    assert "Manifesta/at.yaml:7:1" in text


def test_no_text_becomes_markup_or_a_command() -> None:
    page = render(reports.hostile())
    assert "<b>|" not in page
    assert "&lt;/script&gt;" in page
    assert all(char.isprintable() or char == "\n" for char in page)


def test_what_the_page_shows_a_screen_reader_hears_too() -> None:
    page = Page(render(reports.listing()))
    assert ("html", {"lang": "en"}) in page.elements
    assert "up to 1h ago: 1 failed or refused, 1 late" in page.text


def test_ten_thousand_ats_are_a_page_that_opens_folded() -> None:
    page = Page(render(Report("list", INSTANT, 10_000, [due(1)] * 10_000)))
    folds = [attributes for tag, attributes in page.elements if attributes.get("class") == "fold"]
    assert folds == [{"class": "fold"}]
    marks = [
        attributes for _, attributes in page.elements if attributes.get("class") == "mark calm"
    ]
    assert len(marks) == 9  # A full column, and the legend.


def test_what_is_late_or_failed_is_never_folded_away() -> None:
    page = Page(render(Report("list", INSTANT, 200, [due(-1, Kind.OVERDUE)] * 200)))
    (fold,) = [attributes for _, attributes in page.elements if attributes.get("class") == "fold"]
    assert "open" in fold


def test_columns_reach_as_far_as_there_are_ats_and_now_lies_between_them() -> None:
    rows = [due(-0.5), due(1), due(1.01), due(24 * 400)]
    columns = timeline.columns(rows, INSTANT)
    assert [(each.label, len(each.rows)) for each in columns if each.past] == [
        ("1d", 0),
        ("6h", 0),
        ("1h", 1),
    ]
    assert [(each.label, len(each.rows)) for each in columns if not each.past and each.rows] == [
        ("1h", 1),
        ("6h", 1),
        (">1y", 1),
    ]
    assert columns[-1].told == "more than 1y from now"


def test_an_empty_report_is_a_page_without_a_timeline() -> None:
    text = Page(render(Report("list", INSTANT, 0))).text
    assert "nothing to list" in text
    assert "Timeline" not in text.replace("timeline", "")
