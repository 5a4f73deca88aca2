"""Tokens of TeX, and a cursor over them."""

import re

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\$\$|[\\${}~^_&]|[^\\${}~^_&]+", re.DOTALL)
_SPACES = re.compile(r"\s+")
_OPTION = re.compile(r"\s*\[[^\]]*\]")
_LONGEST_FORMULA = 500
"""Tokens; the end of a formula is searched within this distance."""


def tokens_of(text: str) -> list[str]:
    """Split a text into macros with their backslash, special characters, and runs of plain text."""
    return _TOKEN.findall(text)


class Cursor:
    """A position in a list of tokens. Past the end, every method returns nothing."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens.copy()
        self._position = 0
        self._known_open: dict[str, tuple[int, bool]] = {}

    @property
    def position(self) -> int:
        """The current position."""
        return self._position

    def go_back(self, position: int) -> None:
        """Return to an earlier position; valid if only whole tokens were taken since."""
        self._position = position

    def peek(self) -> str:
        """Return the next token without taking it."""
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def take(self) -> str:
        """Take the next token."""
        piece = self.peek()
        self._position += 1
        return piece

    def take_match(self, pattern: re.Pattern[str]) -> str:
        """Take the match of `pattern` at the start of the next token, if any."""
        match = pattern.match(self.peek())
        if not match:
            return ""
        self._cut(match.end())
        return match[0]

    def _cut(self, length: int) -> None:
        rest = self._tokens[self._position][length:]
        if rest:
            self._tokens[self._position] = rest
        else:
            self._position += 1

    def skip_spaces(self) -> None:
        """Skip white space."""
        self.take_match(_SPACES)

    def skip_option(self) -> None:
        """Skip an argument in square brackets."""
        self.take_match(_OPTION)

    def take_group(self) -> list[str]:
        """Take a group whose opening brace was just taken, up to its closing brace or the end."""
        start, depth = self._position, 1
        while self._position < len(self._tokens):
            piece = self.take()
            depth += (piece == "{") - (piece == "}")
            if not depth:
                return self._tokens[start : self._position - 1]
        return self._tokens[start:]

    def take_formula(self, closing: str) -> list[str] | None:
        """Take the tokens up to and including the next `closing`, which is not returned; None if this paragraph has none."""
        # An earlier search found no end in these tokens: only the tokens after them are searched.
        start, is_over = self._known_open.get(closing, (self._position, False))
        if start > self._position and is_over:
            return None
        end = min(self._position + _LONGEST_FORMULA, len(self._tokens))
        for position in range(max(start, self._position), end):
            piece = self._tokens[position]
            if piece == closing:
                found = self._tokens[self._position : position]
                self._position = position + 1
                return found
            if "\n\n" in piece:
                self._known_open[closing] = (position + 1, True)
                return None
        self._known_open[closing] = (max(start, end), False)
        return None

    def take_argument(self) -> list[str]:
        """Take one argument: a group, a macro with its own group, or a single character."""
        self.skip_spaces()
        piece = self.peek()
        if piece == "{":
            self._position += 1
            return self.take_group()
        if not piece or piece == "}":
            return []
        if piece[0] == "\\":
            self._position += 1
            if piece[1:2].isalpha() and self.peek() == "{":
                self._position += 1
                return [piece, "{", *self.take_group(), "}"]
            return [piece]
        self._cut(1)
        return [piece[0]]
