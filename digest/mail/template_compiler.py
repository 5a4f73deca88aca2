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
_COLUMN_STYLES = re.compile(
    r"<style[^>]*>\s*(?:@media only screen and \(min-width:480px\)|\.moz-text-html)[^<]*</style>"
    r"|<!--\[if lte mso 11\]>.*?<!\[endif\]-->",
    re.DOTALL,
)
_RESET_STYLES = re.compile(r"<style type=\"text/css\">\s*#outlook a.*?</style>", re.DOTALL)
_OUTLOOK_RESET = (
    "<!--[if mso]><style>table,td{border-collapse:collapse;mso-table-lspace:0pt;mso-table-rspace:0pt}"
    "p,h1,h2,h3,td{mso-line-height-rule:exactly}</style><![endif]-->"
)
_BODY_STYLE = re.compile(r'<body style="word-spacing:normal;([^"]*)"')
_INNER_COLOUR = re.compile(
    r'(<table\s+align="center"[^>]*style="width:100%);background:#\w+;background-color:#\w+'
)
_TEXT_COLOUR = re.compile(
    r'(<td\s+align="left" class="side)(" style="[^"]*)("\s*>\s*<div\s+style="[^"]*?);color:(#\w+);?"'
)
_COLOUR_CLASSES = {"#24262b": "ink", "#5d6068": "soft"}
_UNUSED = re.compile(r'(?: aria-roledescription| aria-label)="[^"]*"')
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
    return minify(lean(mjml_to_html(source).html))


def lean(html: str) -> str:
    """Return MJML's HTML without what our mails do not need and some mail programs do not support.

    Removed: the rules for images, for several columns and for old Outlook; the style sheet that resets elements, whose
    part for Outlook goes into a conditional comment; ARIA names that repeat the subject; the colour of the tables in a
    section, which has it already. The colour of a text moves to its cell, where a class can change it for all
    paragraphs inside.
    """
    html = _COLUMN_STYLES.sub("", html)
    html = _RESET_STYLES.sub(_OUTLOOK_RESET, html, count=1)
    html = _BODY_STYLE.sub(
        r'<body class="page" style="margin:0;padding:0;-webkit-text-size-adjust:100%;\1"', html
    )
    html = _INNER_COLOUR.sub(r"\1", html)
    html = _TEXT_COLOUR.sub(
        lambda match: (
            f'{match[1]} {_COLOUR_CLASSES[match[4]]}{match[2].rstrip(";")};color:{match[4]}{match[3]}"'
        ),
        html,
    )
    return _UNUSED.sub("", html)


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
