"""The template files: complete, strict, with one-line subjects."""

from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from digest.mail.content import ConfirmationContent, DigestContent, LinksContent
from digest.mail.rendering import Renderer
from digest.mail.template_compiler import minify

TRIO = ("subject.txt", "body.txt", "body.mjml")


def folders(templates: Path) -> list[Path]:
    return sorted(path for path in templates.iterdir() if path.is_dir())


def test_every_mail_has_its_three_files(templates: Path) -> None:
    assert {folder.name for folder in folders(templates)} >= {"_base", "digest", "confirm", "links"}
    for folder in folders(templates):
        assert [name for name in TRIO if not (folder / name).is_file()] == [], folder.name


def test_every_mail_extends_the_base_templates(templates: Path) -> None:
    for folder in folders(templates):
        if folder.name == "_base":
            continue
        for name in TRIO:
            text = (folder / name).read_text()
            # The mails with papers extend the digest, which extends the base.
            assert f'extends "_base/{name}"' in text or f'extends "digest/{name}"' in text, (
                f"{folder.name}/{name}"
            )


def test_every_subject_is_one_line(
    renderer: Renderer,
    make_content: Callable[..., DigestContent],
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
) -> None:
    for words in (
        renderer.digest(make_content()),
        renderer.confirm(confirmation),
        renderer.links(make_own_links()),
    ):
        assert words.subject
        assert words.subject == " ".join(words.subject.split())


@pytest.mark.parametrize("name", TRIO)
@pytest.mark.parametrize("mail", ["confirm", "links"])
def test_an_undefined_variable_is_an_error_in_each_file(
    templates: Path,
    tmp_path: Path,
    confirmation: ConfirmationContent,
    make_own_links: Callable[..., LinksContent],
    mail: str,
    name: str,
) -> None:
    for source in templates.rglob("*"):
        if source.is_file():
            target = tmp_path / source.relative_to(templates)
            target.parent.mkdir(exist_ok=True)
            target.write_text(source.read_text())
    changed = tmp_path / mail / name
    changed.write_text(
        changed.read_text()
        .replace("{% endblock", "{{ nobody }}{% endblock", 1)
        .replace("[% endblock", "{{ nobody }}[% endblock", 1)
    )
    renderer = Renderer(tmp_path)
    with pytest.raises(UndefinedError, match="nobody"):
        _ = renderer.confirm(confirmation) if mail == "confirm" else renderer.links(make_own_links())


def test_minifying_keeps_spaces_between_words_and_outlook_comments() -> None:
    html = (
        "<!-- ours -->\n<style>\n  a > b { color : red; }\n  /* why */ c{d:e}\n</style>\n"
        '<!--[if mso]>\n  <table  role="presentation"\n border="0" ><![endif]-->\n'
        "<!--[if !mso]><!-->\n<p>shown</p>\n<!--<![endif]-->\n"
        '<p class="">one\n   two  <b>three</b> <i>four</i>\n{% if a > b %} five {% endif %}</p>'
    )
    assert minify(html) == (
        "<style>\na>b{color :red}\nc{d:e}\n</style>\n"
        '<!--[if mso]>\n<table role="presentation" border="0"><![endif]-->\n'
        "<!--[if !mso]><!-->\n<p>shown</p>\n<!--<![endif]-->\n"
        "<p>one\ntwo  <b>three</b> <i>four</i>\n{% if a > b %} five {% endif %}</p>\n"
    )
