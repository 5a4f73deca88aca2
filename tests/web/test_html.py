"""The HTML of every page is valid according to html-validate."""

from pathlib import Path

from tests.web.crawl import Crawl
from tests.web.html_validity import faults_of


def test_every_page_validates(crawl: Crawl, tmp_path: Path) -> None:
    # The parts of a page that a script requests are no documents.
    pages = {name: answer.text for name, answer in crawl.pages.items() if answer.text.startswith("<!DOCTYPE")}
    assert len(pages) > 70
    assert faults_of(pages, tmp_path) == {}
