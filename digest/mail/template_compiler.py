"""Creates the Jinja environments of the mail templates, and compiles `body.mjml` to HTML templates.

A template is compiled once per process, in three steps:
1. Jinja with square brackets (`[% extends %]`, `[% block %]`) inserts the mail's blocks into the base template.
2. MJML generates the layout tables. Jinja in curly braces passes through it as text.
3. The HTML is minified. The result is the Jinja template that every mail is rendered with.
"""

import re
from collections.abc import Callable
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from mjml import mjml_to_html

from digest.text import formatting
from digest.text.emphasis import emphasised

# Outlook needs conditional comments. All other comments are dropped.
_COMMENT = re.compile(
    r"(<!--\[if [^\]]*\]><!-->|<!--<!\[endif\]-->|<!--\[if .*?<!\[endif\]-->)|<!--.*?-->", re.DOTALL
)
_STYLE_SHEET = re.compile(r"(<style[^>]*>)(.*?)(</style>)", re.DOTALL)
_STYLE_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AROUND_PUNCTUATION = re.compile(r"\s*([{};,>])\s*")
_RULE_END = re.compile(r"}(?!\.)")
_AFTER_COLON = re.compile(r":\s+")
_BETWEEN = re.compile(r"[ \t]*\n\s*")
_IN_TAG = re.compile(r"<[a-z][^<>{}]*\s[^<>]*>", re.DOTALL)
_EMPTY_ATTRIBUTE = re.compile(r' (?:class|style)=""')


def html_environment(templates: Path) -> Environment:
    """Return the environment of HTML, with escaping. It has `<name>/body.html` for each mail, compiled now."""
    return _environment(_CompiledLoader(templates), autoescape=True)


def text_environment(templates: Path) -> Environment:
    """Return the environment of text and subjects, without escaping."""
    return _environment(FileSystemLoader(templates), autoescape=False)


def _environment(loader: BaseLoader, *, autoescape: bool) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - decided by the two functions above
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters.update(
        day=formatting.day,
        short_day=formatting.short_day,
        weekday=formatting.weekday,
        shorten=formatting.shorten,
        wrapped=formatting.wrapped,
        ljust=str.ljust,
        emphasised=emphasised,
    )
    return environment


class _CompiledLoader(FileSystemLoader):
    """Loads `<name>/body.html` from the compiled `<name>/body.mjml`, and every other file unchanged."""

    def __init__(self, templates: Path) -> None:
        super().__init__(templates)
        self._bodies = {
            f"{path.parent.name}/body.html": compile_mjml(templates, path.parent.name)
            for path in sorted(templates.glob("[!_]*/body.mjml"))
        }

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template in self._bodies:
            return self._bodies[template], template, lambda: True
        return super().get_source(environment, template)


def compile_mjml(templates: Path, name: str) -> str:
    """Return the minified HTML of the mail template `name` ("digest"), with its curly-brace Jinja."""
    layout = Environment(
        loader=FileSystemLoader(templates),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - the input is our own templates only
    )
    source = layout.get_template(f"{name}/body.mjml").render()
    return minify(mjml_to_html(source).html)


def minify(html: str) -> str:
    """Return `html` without comments and superfluous white space. Conditional comments for Outlook stay.

    White space with a line break becomes one line break, which keeps lines short. It is never removed, as it can
    separate words.
    """
    html = _COMMENT.sub(lambda match: match[1] or "", html)
    html = _STYLE_SHEET.sub(lambda match: match[1] + _minify_styles(match[2]) + match[3], html)
    html = _IN_TAG.sub(lambda match: _minify_tag(match[0]), html)
    return _BETWEEN.sub("\n", html).strip() + "\n"


def _minify_tag(tag: str) -> str:
    return _EMPTY_ATTRIBUTE.sub("", re.sub(r"\s+", " ", tag)).replace(" >", ">")


def _minify_styles(sheet: str) -> str:
    sheet = _STYLE_COMMENT.sub("", sheet)
    sheet = _AROUND_PUNCTUATION.sub(r"\1", sheet)
    # Line breaks between rules keep lines short. No line starts with a dot, which SMTP has to double, and which some
    # mail servers lose.
    sheet = _AFTER_COLON.sub(":", sheet).replace(";}", "}").strip()
    lead = "" if sheet.startswith(".") else "\n"
    return lead + _RULE_END.sub("}\n", sheet).strip() + "\n"
