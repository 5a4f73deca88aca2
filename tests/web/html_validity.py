"""What html-validate says about pages."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import missing

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


def faults_of(pages: Mapping[str, str], folder: Path) -> dict[str, list[tuple[str, int, str]]]:
    """Return rule, line and message of each fault, by the name of the page; write files into `folder`."""
    program = shutil.which("html-validate")
    if program is None:
        missing("html-validate (npm install --global html-validate)")
    assert program is not None
    names = {}
    for number, (name, text) in enumerate(pages.items()):
        file = folder / f"{number:03}.html"
        file.write_text(text, encoding="utf-8")
        names[file.name] = name
    (folder / "broken.html").write_text("<!DOCTYPE html><p><div></p>")
    (folder / ".htmlvalidate.json").write_text(json.dumps(RULES))
    done = subprocess.run(
        [program, "--formatter", "json", *names, "broken.html"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 1, done.stderr
    found = {Path(page["filePath"]).name: page["messages"] for page in json.loads(done.stdout)}
    assert found.pop("broken.html")
    return {
        names[file]: [(one["ruleId"], one["line"], one["message"]) for one in messages]
        for file, messages in found.items()
        if messages
    }
