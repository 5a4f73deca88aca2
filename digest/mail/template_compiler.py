"""Creates the Jinja environments of the mail templates, and compiles `body.mjml` to HTML templates.

A template is compiled in three steps, the first two once per process:
1. Jinja with square brackets (`[% extends %]`, `[% block %]`) inserts the mail's blocks into the base template.
2. MJML generates the layout tables. Jinja in curly braces passes through it as text.
3. The HTML is minified. The result is the Jinja template that every mail is rendered with. Jinja compiles it for each
   language, with the messages translated.
"""

import re
from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    DictLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
)
from markupsafe import Markup
from mjml import mjml_to_html

from digest.mail.message_folding import FoldingCodeGenerator
from digest.text import formatting
from digest.text.emphasis import emphasised
from digest.text.languages import current_language, install, sentence_space, text_direction

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
_SIDE = re.compile(r'((?:align="|text-align:))(left|right)\b')
_FOUR_SIDES = re.compile(r'(padding|margin):([^\s;"]+) ([^\s;"]+) ([^\s;"]+) ([^\s;"]+)(?=[;"])')
_LINK = Markup('<a class="link" href="{}" style="color:#1a5490">')
_EMPTY_ATTRIBUTE = re.compile(r' (?:class|style)=""')


class MailTemplates:
    """The templates of all mails. Those of a language are compiled when it is used for the first time. Thread-safe."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates
        self._bodies = {
            f"{path.parent.name}/body.html": compile_mjml(templates, path.parent.name)
            for path in sorted(templates.glob("[!_]*/body.mjml"))
        }
        self._of_language = cache(self._environments)

    def html(self, name: str) -> Template:
        """Return a template of HTML in the current language, with escaping; `<name>/body.html` for each mail."""
        return self._of_language(current_language())[0].get_template(name)

    def text(self, name: str) -> Template:
        """Return a template of text or a subject in the current language, without escaping."""
        return self._of_language(current_language())[1].get_template(name)

    def _environments(self, language: str) -> tuple[Environment, Environment]:
        """Return the environments of HTML and of text for the current language."""
        bodies = self._bodies
        if text_direction() == "rtl":
            bodies = {name: mirrored(body) for name, body in bodies.items()}
        files = FileSystemLoader(self._templates)
        return (
            _environment(ChoiceLoader([DictLoader(bodies), files]), language, autoescape=True),
            _environment(files, language, autoescape=False),
        )


def _environment(loader: BaseLoader, language: str, *, autoescape: bool) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - decided by the caller
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.code_generator_class = FoldingCodeGenerator
    install(environment)
    environment.globals.update(language=language, direction=text_direction(), space=sentence_space())
    environment.filters.update(
        columns=formatting.columns,
        day=formatting.day,
        emphasised=emphasised,
        full_day=formatting.full_day,
        labelled=formatting.labelled,
        linked=linked,
        padded=formatting.padded,
        short_full_day=formatting.short_full_day,
        shorten=formatting.shorten,
        unbroken=unbroken,
        weekday=formatting.weekday,
        wrapped=formatting.wrapped,
    )
    return environment


def linked(message: str, url: str) -> Markup:
    """Return a message of HTML, its `<a>` leading to an address."""
    return Markup(str(Markup.escape(message)).replace("<a>", _LINK.format(url), 1))  # noqa: S704 - both are escaped


def unbroken(message: str) -> str:
    """Return a message without a place where a line can break."""
    return message.replace(" ", "\u00a0")


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


def mirrored(html: str) -> str:
    """Return the HTML of a mail for a script from right to left."""
    html = _SIDE.sub(lambda match: match[1] + ("right" if match[2] == "left" else "left"), html)
    html = _FOUR_SIDES.sub(r"\1:\2 \5 \4 \3", html)
    return html.replace("direction:ltr", "direction:rtl")


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
