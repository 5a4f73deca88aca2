"""The HTML of every page is valid according to html-validate."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.conftest import missing
from tests.web.crawl import Crawl

RULES = {
    "root": True,
    "extends": ["html-validate:recommended", "html-validate:document"],
    "rules": {
        # The default type of a button is submit, and all our buttons submit.
        "no-implicit-button-type": "off",
        # Our files come from the same host as the page, so integrity hashes add no protection.
        "require-sri": ["error", {"target": "crossorigin"}],
        # Checkboxes of papers share a name.
        "form-dup-name": ["error", {"shared": ["checkbox", "radio", "submit"]}],
        # The title of a paper's page is the paper's title.
        "long-title": "off",
    },
}


def test_every_page_validates(crawl: Crawl, tmp_path: Path) -> None:
    program = shutil.which("html-validate")
    if program is None:
        missing("html-validate (npm install --global html-validate)")
    assert program is not None
    names = {}
    for number, (name, answer) in enumerate(crawl.pages.items()):
        # The parts of a page that a script requests are no documents.
        if answer.text.startswith("<!DOCTYPE"):
            file = tmp_path / f"{number:03}.html"
            file.write_text(answer.text, encoding="utf-8")
            names[file.name] = name
    assert len(names) > 70
    (tmp_path / "broken.html").write_text("<!DOCTYPE html><p><div></p>")
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    done = subprocess.run(
        [program, "--formatter", "json", *names, "broken.html"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 1, done.stderr
    found = {Path(page["filePath"]).name: page["messages"] for page in json.loads(done.stdout)}
    assert found.pop("broken.html")
    assert {
        names[file]: [(one["ruleId"], one["line"], one["message"]) for one in messages]
        for file, messages in found.items()
        if messages
    } == {}
