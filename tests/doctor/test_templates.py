import shutil
from pathlib import Path

import pytest

from digest.delivery.composed_mail import SenderIdentity
from digest.doctor.templates import examine_templates
from digest.mail.rendering import Renderer
from digest.subscribers.links import Links
from digest.wiring import templates_folder
from tests.doctor.helpers import NOW
from tests.factories import SECRET

IMPRINT = SenderIdentity("Papers <digest@papers.ac>", "The library", "1 Science Road", "papers.ac")


@pytest.mark.parametrize(
    ("file", "text", "state"),
    [
        ("", "", "good"),
        ("digest/subject.txt", "{{ no_such_name }}", "bad"),
        ("quiet/subject.txt", "{{ no_such_name }}", "bad"),
        ("goodbye/body.txt", "{% if %}", "bad"),
        ("confirm/body.mjml", "[% if %]", "bad"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_reported(
    tmp_path: Path, file: str, text: str, state: str
) -> None:
    folder = tmp_path / "email"
    shutil.copytree(templates_folder() / "email", folder)
    if file:
        assert (folder / file).is_file()
        (folder / file).write_text(text)
    check = examine_templates(lambda: Renderer(folder), Links("http://x", SECRET), IMPRINT, NOW)
    assert check.state == state
    assert (state == "good") is not bool(check.advice)
