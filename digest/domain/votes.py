"""The votes of a paper as mails and pages show them."""

from dataclasses import dataclass

from digest.text.languages import DEFAULT, decimal, ngettext, use_language


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes of one time with their latest gain, or citations where there are no votes."""

    upvotes: int
    gained: int = 0
    """How many more than some days before; 0: nothing is said of a gain."""
    days: int = 0
    """How many days the gain took."""
    citations: int = 0

    def in_words(self) -> str:
        """Return the votes in the current language: "38 upvotes, +21 since yesterday"."""
        if self.gained <= 0:
            return self.without_days()
        gained = decimal(self.gained)
        if self.days == 1:
            return ngettext("%(num)s upvote, +%(gained)s since yesterday", "%(num)s upvotes, +%(gained)s since yesterday",
                            self.upvotes, gained=gained)  # fmt: skip
        return ngettext("%(num)s upvote, +%(gained)s since %(days)s days ago",
                        "%(num)s upvotes, +%(gained)s since %(days)s days ago",
                        self.upvotes, gained=gained, days=decimal(self.days))  # fmt: skip

    def in_english(self) -> str:
        """Return what `in_words` returns in English, whatever the current language."""
        with use_language(DEFAULT):
            return self.in_words()

    def without_days(self) -> str:
        """Return the votes in fewer words: "38 upvotes, +21"."""
        if self.upvotes <= 0:
            return ngettext("%(num)s citation", "%(num)s citations", self.citations)
        if self.gained <= 0:
            return ngettext("%(num)s upvote", "%(num)s upvotes", self.upvotes)
        return ngettext("%(num)s upvote, +%(gained)s", "%(num)s upvotes, +%(gained)s", self.upvotes,
                        gained=decimal(self.gained))  # fmt: skip
