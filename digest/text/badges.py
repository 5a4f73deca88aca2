"""Badges of a paper: what it brings beside the text, each only by evidence in its title or abstract. Pure."""

import re

from digest.text.languages import gettext_noop

_MAKE = r"(?:introduc|present|propos|releas|creat|construct|collect|curat|contribut|build|built|develop|publish|provid|compil)\w*"
_OURS = rf"\b(?:we|this (?:paper|work|article|study)|I)\b[^.]{{0,60}}?\b{_MAKE}\b[^.]{{0,90}}?"
_NOT_OURS = r"(?! (?:for|on|of) (?:which|existing))"
_DATA_TITLE = re.compile(r"\b(?:dataset|data set|corpus|corpora|treebank|data collection)\b", re.IGNORECASE)
_DATA = re.compile(rf"{_OURS}\b(?:dataset|data set|corpus|treebank)s?\b{_NOT_OURS}", re.IGNORECASE)
_BENCHMARK_TITLE = re.compile(
    r"\b[\w-]+bench\b|\bbenchmark(?:s? (?:for|of|to|and)\b|(?: suite)?(?:$|:))", re.IGNORECASE
)
_BENCHMARK = re.compile(rf"{_OURS}\bbenchmarks?\b(?!s? (?:results?|datasets?|tasks?|models?))", re.IGNORECASE)
_SURVEY_TITLE = re.compile(
    r"\b(?:(?:a|an|the|comprehensive|systematic|critical|literature|scoping|brief|short|mini) (?:\w+ )?(?:survey|review|overview)(?! (?:questions?|data|responses?|answers?|participants?)\b)|"
    r"survey (?:of|on)|review of|overview of|tutorial|primer)\b|[:?] (?:survey|review|overview)\b",
    re.IGNORECASE,
)
_SURVEY = re.compile(
    r"\b(?:this (?:\w+ )?(?:survey|review|overview|tutorial)(?! (?:data|question))|we (?:\w+ )?(?:survey|review) (?:the|recent|existing|current)|"
    r"(?:systematic|scoping|literature) review\b[^.]{0,60}\b(?:conduct|present|perform))",
    re.IGNORECASE,
)


def badges(title: str, abstract: str) -> tuple[str, ...]:
    """Return those of Data, Benchmark and Survey that the title or the abstract gives evidence of.

    They are translated where they are shown.
    """
    found = []
    if _DATA_TITLE.search(title) or _DATA.search(abstract):
        # Translators: a badge: the paper comes with a dataset.
        found.append(gettext_noop("Data"))
    if _BENCHMARK_TITLE.search(title) or _BENCHMARK.search(abstract):
        # Translators: a badge: the paper comes with a benchmark.
        found.append(gettext_noop("Benchmark"))
    if _SURVEY_TITLE.search(title) or _SURVEY.search(abstract):
        # Translators: a badge: the paper is a survey of its field.
        found.append(gettext_noop("Survey"))
    return tuple(found)
