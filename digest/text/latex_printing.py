r"""Printing of TeX tokens as plain Unicode.

One pass over the tokens; groups, arguments and formulas are printed recursively, down to a fixed depth. Macros that
change the appearance are dropped, macros for a character print it, and unknown macros print their argument or,
without one, their name.
"""

import re
from collections.abc import Callable

from digest.text import latex_symbols
from digest.text.latex_symbols import PRIME, RELATIONS
from digest.text.latex_tokens import Cursor

_DEEPEST = 24


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STYLES = _words("""
    textbf textit emph texttt textsc textsf textrm textmd textup textsl textnormal text underline uline mbox hbox
    fbox uppercase lowercase MakeUppercase MakeLowercase underbar textquote url nolinkurl path footnotesize
    mathrm mathbf mathit mathsf mathtt mathcal mathscr mathfrak mathnormal boldsymbol bm pmb bold operatorname
    mathop mathbin mathrel mathord mathbb ensuremath boxed underbrace overbrace overrightarrow
    added add change changed revise revised rev replaced sout st hl thanks acrshort acrfull acrlong gls ac
""")
_TEXT_STYLES = _words("text textrm textbf textit emph texttt textsc textsf mbox hbox textnormal")
_SWITCHES = _words("""
    bf it em tt sc sf sl rm cal bfseries itshape scshape ttfamily sffamily tiny scriptsize small normalsize large
    Large LARGE huge Huge displaystyle textstyle left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl
    biggr limits nolimits nonumber xspace noindent bigskip medskip smallskip centering protect relax maketitle
    faGithub faGlobe
""")
_SILENT = _words("""
    cite citep citet citealp citeauthor citeyear parencite textcite autocite nocite ref eqref autoref cref Cref
    label vspace hspace phantom vphantom hphantom begin end color pagecolor footnotemark deleted mkern kern rule
    includegraphics
""")
_REFERENCES = _words(
    "cite citep citet citealp parencite textcite autocite nocite ref eqref autoref cref Cref"
)
_SECOND_ARGUMENT = _words("""
    textcolor colorbox hyperlink hyperref overset underset stackrel scalebox raisebox
""")
_OPERATORS = _words("log ln exp max min sup inf sin cos tan tanh arg argmax argmin det dim gcd lim Pr")

_RELATION = re.compile(rf"(?<=[\w)\]}}%])\s*([{RELATIONS}])\s*(?=[\w(\[{{-])")
_INNER_SPACE = re.compile(r"(?<=[(\[]) | (?=[)\],])")
_MONEY = re.compile(
    r"\d[\d.,]*+\s*+(?:[kKMB]\b|[mb]illion\b)?+\s*+(?:/[a-z]{2,}|[a-z]{2,}+[^\\]*\s[a-z]{2,})"
)
_LATER_WORD = re.compile(r"\s[A-Za-z]{2,}")
_SHORT_LIST = re.compile(r"[\w.+-]+(?:, ?[\w.+-]+)+")
_RAISED = re.compile(r"[-+]?\d+|\([-+]?\w+\)|[A-Za-z*](?![A-Za-z])")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE_BEFORE_OPERAND = re.compile(r" (?=\w)")
_LAST_LATIN = "\u024f"
_FULL_STOP = re.compile(r"\.")


def printed(tokens: list[str], *, math: bool = False, depth: int = 0) -> str:
    """Return the printed form of tokens; `math` says whether they are in a formula."""
    if depth > _DEEPEST:
        return "".join(piece for piece in tokens if piece not in {"{", "}", "$"})
    return _Printing(tokens, math=math, depth=depth).run()


def _formula(tokens: list[str], depth: int) -> str:
    text = " ".join(printed(tokens, math=True, depth=depth).split())
    return _INNER_SPACE.sub("", _RELATION.sub(r" \1 ", text))


class _Printing:
    """One pass over some tokens."""

    def __init__(self, tokens: list[str], *, math: bool, depth: int) -> None:
        self.cursor = Cursor(tokens)
        self.math = math
        self.depth = depth
        self.output: list[str] = []

    def run(self) -> str:
        while piece := self.cursor.take():
            # Empty pieces would make `last` slow.
            if text := self.print_token(piece):
                self.output.append(text)
        return "".join(self.output)

    def print_token(self, piece: str) -> str:
        if piece in _SPECIAL:
            return _SPECIAL[piece](self, piece)
        if piece[0] == "\\" and len(piece) > 1:
            name = piece[1:].rstrip("*")
            return self.print_macro(name) if name.isalpha() else self.print_sign(piece[1:])
        return piece.replace("''", PRIME * 2).replace("'", PRIME) if self.math else piece

    def last(self) -> str:
        """Return the character printed last."""
        return self.output[-1][-1] if self.output else " "

    def argument(self) -> str:
        return printed(self.cursor.take_argument(), math=self.math, depth=self.depth + 1)

    def drop_trailing_space(self) -> None:
        while self.output and not self.output[-1].rstrip(" ~"):
            self.output.pop()
        if self.output:
            self.output[-1] = self.output[-1].rstrip(" ")

    # Special characters.

    def print_group(self, _brace: str) -> str:
        tokens = self.cursor.take_group()
        # Outside formulas, a short list in braces is a set: the braces stay.
        if (
            not self.math
            and len(tokens) == 1
            and _SHORT_LIST.fullmatch(tokens[0])
            and not self.last().isalnum()
        ):
            return f"{{{tokens[0]}}}"
        return printed(tokens, math=self.math, depth=self.depth + 1)

    def print_nothing(self, _sign: str) -> str:
        return ""

    def print_ampersand(self, sign: str) -> str:
        return " " if self.math else sign

    def print_tie(self, sign: str) -> str:
        """Print a tie as a space, except in ~5% and ~user."""
        before, after = self.last(), self.cursor.peek()[:1]
        if before == "/" or (before in " \n([<>=" and after not in {"", " "}):
            return sign
        return sign if before == " " and after == " " else " "

    def print_script(self, mark: str) -> str:
        shift = latex_symbols.superscript if mark == "^" else latex_symbols.subscript
        if self.math or self.cursor.peek() == "{":
            inner = _formula(self.cursor.take_argument(), self.depth + 1)
            return shift(inner.replace(" ", "") if len(inner) < 12 else inner) if inner else ""
        if mark == "^" and (self.last().isalnum() or self.last() in ")]"):
            raised = self.cursor.take_match(_RAISED)
            if raised:
                return latex_symbols.superscript(raised.strip("()"))
        return mark

    def print_formula(self, opening: str) -> str:
        if self.math:
            return ""
        start = self.cursor.position
        found = self.cursor.take_formula({"\\(": "\\)", "\\[": "\\]"}.get(opening, opening))
        if found is None:
            # A single dollar sign is money, or a mistake that is kept.
            return "$" if opening == "$" else ""
        if len(found) == 1 and found[0] in {"'", "''"}:
            return found[0]
        if opening == "$" and not _is_formula("".join(found), self.cursor.peek()):
            self.cursor.go_back(start)
            return "$"
        return _formula(found, self.depth + 1)

    # Macros.

    def print_macro(self, name: str) -> str:
        if not self.math and latex_symbols.is_accent(name):
            return self.print_accent(name)
        if name in _STYLES:
            self.cursor.skip_option()
            math = self.math and name not in _TEXT_STYLES
            inner = printed(self.cursor.take_argument(), math=math, depth=self.depth + 1)
            return latex_symbols.blackboard(inner) if name == "mathbb" else inner
        if name in _SWITCHES:
            self.cursor.skip_spaces()
            if name in {"left", "right"}:
                self.cursor.take_match(_FULL_STOP)
            return ""
        if name in _SILENT:
            self.cursor.skip_option()
            self.cursor.take_argument()
            if name in _REFERENCES:
                self.drop_trailing_space()
            return ""
        if name in _STRUCTURES:
            return _STRUCTURES[name](self)
        return self.print_symbol(name)

    def print_second_argument(self) -> str:
        self.cursor.skip_option()
        self.cursor.take_argument()
        return self.argument() if self.cursor.peek() == "{" else ""

    def print_link(self) -> str:
        address = "".join(self.cursor.take_argument()).replace("\\", "").strip()
        text = self.argument().strip() if self.cursor.peek() == "{" else ""
        if text.startswith("http"):
            # The address is where the link leads, whatever its text says.
            return text if address.startswith(text.rstrip("/")) and len(address) - len(text) <= 1 else address
        return address if not text or text in address else f"{text} ({address})"

    def print_footnote(self) -> str:
        self.cursor.skip_option()
        self.drop_trailing_space()
        return f" ({self.argument().strip().rstrip('.')})"

    def print_fraction(self) -> str:
        return f"{_operand(self.argument())}/{_operand(self.argument())}"

    def print_root(self) -> str:
        self.cursor.skip_option()
        return f"√{_operand(self.argument())}"

    def print_binomial(self) -> str:
        return f"({self.argument()} choose {self.argument()})"

    def print_modulus(self) -> str:
        return f" (mod {self.argument()})"

    def print_raised(self) -> str:
        return latex_symbols.superscript(self.argument())

    def print_lowered(self) -> str:
        return latex_symbols.subscript(self.argument())

    def print_quoted(self) -> str:
        return self.argument().join(latex_symbols.DOUBLE_QUOTES)

    def print_character(self) -> str:
        code = "".join(self.cursor.take_argument()).strip().lower()
        try:
            return chr(int(code) if code.isdigit() else int(code.lstrip('x"'), 16))
        except (ValueError, OverflowError):
            return ""

    def print_symbol(self, name: str) -> str:
        """Print a macro for a symbol, or an unknown one."""
        if self.math and latex_symbols.is_math_accent(name):
            return latex_symbols.math_accented(name, self.argument())
        if name in _OPERATORS:
            return f" {name}" if self.math and self.last().isalnum() else name
        found = latex_symbols.symbol(name)
        if found is not None:
            # A space only ends the macro when a word or an operand follows.
            if len(found) == 1 and found.isalpha() and (self.math or found <= _LAST_LATIN):
                self.cursor.take_match(_SPACE_BEFORE_OPERAND)
            return found
        if name == "n":
            # Not a macro, but a typed line break.
            return "\\n"
        self.cursor.skip_option()
        inner = self.argument() if self.cursor.peek() == "{" else ""
        return inner if inner.strip() else name

    def print_sign(self, sign: str) -> str:
        """Print a macro whose name is one sign: a space, an escaped character, an accent."""
        if sign in ",;:> \n\\":
            return " "
        if sign in "!/])":
            return ""
        if sign == "-":
            return "" if self.last().isalpha() and not self.is_in_address() else "-"
        if sign == "|":
            return "‖"
        if not self.math and latex_symbols.is_accent(sign):
            return self.print_accent(sign)
        return sign

    def is_in_address(self) -> bool:
        return "://" in "".join(self.output[-4:]).rsplit(" ", 1)[-1]

    def print_accent(self, accent: str) -> str:
        named = accent.isalpha()
        braced = self.cursor.peek() == "{"
        if named and accent in "bt" and not braced:
            return ""
        if not named and not braced and not _LETTER.match(self.cursor.peek().removeprefix("\\")):
            # An escaped quote or tilde that some exporter left: no letter follows.
            return accent
        base = printed(self.cursor.take_argument(), depth=self.depth + 1).strip()
        if not base:
            return "" if named else accent
        # Greek that lost its first letter to an accent: \k{appa}, \r{ho}, \c{opyright}.
        known = latex_symbols.symbol(accent + base) if named and len(base) > 1 else None
        if known is not None:
            return known
        if accent == "'" and base == "s" and not braced and self.is_end_of_word():
            return "'s"
        composed = latex_symbols.accented(accent, base[0])
        if composed is not None:
            return composed + base[1:]
        return base if named or braced else accent + base

    def is_end_of_word(self) -> bool:
        return self.last().isalpha() and not _LETTER.match(self.cursor.peek())


def _is_formula(content: str, following: str) -> bool:
    """Whether text between dollar signs is a formula, not the text between two amounts of money."""
    if _MONEY.match(content):
        return False
    if any(sign in content for sign in "\\^_{"):
        return True
    if content[:1].isdigit() and following[:1].isdigit():
        return False
    return content[-1:] != " " or content[:1] == " " or not _LATER_WORD.search(content)


def _operand(text: str) -> str:
    text = text.strip()
    return text if text.replace("_", "").isalnum() or len(text) == 1 else f"({text})"


_SPECIAL: dict[str, Callable[[_Printing, str], str]] = {
    "{": _Printing.print_group,
    "}": _Printing.print_nothing,
    "^": _Printing.print_script,
    "_": _Printing.print_script,
    "~": _Printing.print_tie,
    "&": _Printing.print_ampersand,
    "$": _Printing.print_formula,
    "$$": _Printing.print_formula,
    "\\(": _Printing.print_formula,
    "\\[": _Printing.print_formula,
}

_STRUCTURES: dict[str, Callable[[_Printing], str]] = {
    **dict.fromkeys(_SECOND_ARGUMENT, _Printing.print_second_argument),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "nicefrac", "sfrac"), _Printing.print_fraction),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), _Printing.print_binomial),
    **dict.fromkeys(("footnote", "footnotetext"), _Printing.print_footnote),
    **dict.fromkeys(("unicode", "symbol", "char"), _Printing.print_character),
    **dict.fromkeys(("pmod", "mod"), _Printing.print_modulus),
    "href": _Printing.print_link,
    "enquote": _Printing.print_quoted,
    "sqrt": _Printing.print_root,
    "textsuperscript": _Printing.print_raised,
    "textsubscript": _Printing.print_lowered,
}
