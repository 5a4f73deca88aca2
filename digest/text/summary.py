"""One sentence that says what a paper does: the best sentence of its abstract. Pure.

Each sentence is scored by what it does (says the contribution, says a result, only motivates) and by how it reads
alone: a sentence that needs the one before it is left out. Openings that only connect ("To this end, we propose") and
ends that only add ("..., which makes it") are removed.
"""

import re

from digest.text.formatting import one_line, shorten
from digest.text.sentences import sentences

LIMIT = 200
_READ = 4000
"""Characters of an abstract that are read; arXiv accepts up to 1920."""
_SHORTEST = 45
_VERB = (
    "propose|present|introduce|develop|describe|design|formulate|devise|build|construct|create|establish|provide|"
    "offer|contribute|release|unveil|report|show|demonstrate|prove|find|reveal|discover|argue|observe|identify|"
    "study|investigate|examine|analy[sz]e|explore|address|tackle|consider|characteri[sz]e|survey|review|revisit|"
    "evaluate|compare|benchmark|extend|generali[sz]e|derive|leverage|train|use|apply|adapt|combine|cast|reformulate|"
    "aim|seek|focus|learn|predict|measure|quantify|collect|curate|implement|initiate|obtain|give|improve|suggest|"
    "advocate|outline|discuss|propose|articulate|integrate|define|model|compute|solve|test|assess|resolve|simulate|concern|experiment|enhance|position"
)
_STRONG = (
    "propose|present|introduce|develop|design|devise|formulate|describe|release|unveil|build|construct|create|prove|"
    "establish|contribute|curate|derive"
)
_WORK = (
    r"(?:this|our|the present|the current)(?: \w+){0,2}? (?:paper|work|article|study|thesis|survey|report|review|"
    r"research|dissertation|tutorial|chapter|manuscript|contribution|letter|note|position paper)"
)
_CONTRIBUTION = re.compile(
    rf"\b(?:we|I)\b(?:(?:,? \w+){{0,3}}?,?) (?:{_STRONG})\b|\b{_WORK}\b(?: \w+){{0,3}}? (?:{_STRONG})(?:e?s|ed)?\b"
    r"|\b(?:is|are) (?:proposed|presented|introduced|developed|derived)\b",
    re.IGNORECASE,
)
_FINDING = re.compile(
    r"\b(?:our|the) (?:main |primary |overall )?(?:objective|goal|aim) (?:is|was)\b|"
    rf"\b(?:we|I)\b(?: \w+){{0,3}}? (?:show|demonstrate|find|reveal|discover|observe|argue|identify|report|obtain)\b"
    rf"|\b{_WORK}\b(?: \w+){{0,3}}? (?:show|demonstrate|find|reveal|argue|identif|report)",
    re.IGNORECASE,
)
_WORKING = re.compile(
    rf"\b(?:we|I)\b(?:(?:,? \w+){{0,3}}?,?) (?:{_VERB})\b|\b{_WORK}\b(?: \w+){{0,3}}? (?:{_VERB})(?:e?s|ed|ies)?\b",
    re.IGNORECASE,
)
_DOING = re.compile(
    r"We (?!also|then|next|finally|further|hope|believe|note|conclude|know|live|need|often|can\b)\w+ "
)
_RESULT = re.compile(
    r"\b(?:outperform|surpass|exceed|achiev|improv|reduc|state-of-the-art|halv|doubl|faster|speed-?up|accura|"
    r"significant|consistently)|\d ?%|\d(?:\.\d+)? ?[x\u00d7]\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"\b(?:{_STRONG})s? (?:the |a |an |our )?(?:\w+ ){{0,3}}?[\"\u201c(]?[A-Z][\w+-]*(?:[A-Z0-9]|\b)"
)
_UNFINISHED = re.compile(r"\b(?:as follows|(?:the )?following(?: \w+)?)[.:]$", re.IGNORECASE)
_BACKGROUND = re.compile(
    r"\b(?:recent(?:ly)?|advances?|advent|rise|promis(?:e|ing)|attention|widely|increasingly|crucial|critical|essential|vital|"
    r"challeng(?:e|ing)|remains?|often|traditional(?:ly)?|existing|current(?:ly)?|prior|previous|despite|lack|limited|"
    r"difficult(?:y|ies)?|suffers?|struggles?|today|has been|have been)\b",
    re.IGNORECASE,
)
# Clauses that connect a sentence to the one before it. What follows them stands alone.
_CONNECTING = re.compile(
    r"^(?:"
    r"(?:to (?:this|that) end|to these ends|to do so|to do this|in (?:this|the present|our) (?:\w+ ){0,2}?"
    r"(?:paper|work|article|study|thesis|survey|report|review|research|chapter|letter|note|position paper|manuscript|"
    r"tutorial|context|regard|direction|talk|contribution)|"
    r"here(?:in)?|thus|therefore|hence|consequently|accordingly|motivated by (?:this|these|the above)[^,]{0,80}|"
    r"inspired by (?:this|these)[^,]{0,80}|based on (?:this|these|the above)[^,]{0,80}|"
    r"(?:to|in order to) (?:\w+ ){0,2}?(?:address|tackle|overcome|solve|mitigate|resolve|alleviate|bridge|fill|close|meet|remedy|"
    r"handle|answer|deal with|combat|counter|cope with|narrow|explore|investigate|understand|study|achieve|avoid|remove|rectify)"
    r"(?: \w+)? (?:this|these|such|those|the above|the aforementioned|both|that|it|them|the)\b[^,]{0,120}|"
    r"for this(?: purpose| reason| aim)?|with this(?: \w+){1,3}|in response(?: to th[^,]{1,40})?|as a (?:first )?(?:step|remedy|solution|result)"
    r"(?: [^,]{0,60})?|in light of (?:this|these)[^,]{0,60}|given (?:this|these)[^,]{0,60}|"
    r"to [^,]{3,140}\b(?:this|these|those|such|it|them|both|so)\b[^,]{0,80}|"
    r"[A-Z]?[a-z]+(?:ing|ed|en)\b[^,]{0,80}\b(?:this|these|those|such)\b[^,]{0,80}|"
    r"(?:first|second|third|fourth|finally|lastly|next|then|now)(?:ly)?|"
    r"moreover|furthermore|additionally|in addition|notably|importantly|remarkably|interestingly|surprisingly|"
    r"overall|specifically|more specifically|in particular|particularly|concretely|more precisely|instead|rather|"
    r"in contrast|by contrast|meanwhile|also|in summary|in short|in conclusion|to summarize|altogether|ultimately|"
    r"unlike (?:these|such|this|prior|previous|existing)[^,]{0,80}|beyond (?:this|these)[^,]{0,60}|"
    r"building (?:up)?on (?:this|these)[^,]{0,80}|following (?:this|these)[^,]{0,60}|however|nevertheless|nonetheless|yet|still|"
    r"as such|accordingly|at the same time|on the other hand|on the one hand|in this (?:setting|way|sense|paradigm|framework)"
    r"), "
    r"|(?:thus|therefore|hence|here|herein|in this (?:paper|work|article|study|thesis|survey|report)|so|then|and|but) (?=(?:we|I) )"
    r")",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:background|objectives?|aims?|purpose|methods?|methodology|results?|main results|approach|conclusions?|"
    r"significance|motivation|introduction|context|design|findings|contributions?|problem|relevance|materials and methods|"
    r"(?:background|aims?|objectives?) and (?:aims?|objectives?|purpose)|abstract|summary|tl;?dr)\s?[:.\u2014-]\s+(?=[A-Z\"\u201c(])",
    re.IGNORECASE,
)
# Openings that need the sentence before: connectives, pronouns, and nouns that were named earlier.
_DEPENDENT = re.compile(
    rf"^(?!{_WORK}\b)(?:"
    r"(?:this|these|those|that|such|it|its|they|their|them|he|she|his|her|both|another|others?|the (?:former|latter|same|"
    r"first|second|third|other|above|aforementioned|resulting|remaining)|here|there(?:in)?|one|two|three|some|each|either|"
    r"neither|doing so|as a result|for (?:example|instance|this)|in (?:turn|fact|other words|doing so|so doing|this|these|such|that)|"
    r"by (?:doing so|this)|with (?:this|these)|on (?:this|these)|to (?:this|that|these|do)|from (?:this|these)|"
    r"at (?:its|the same)|because of (?:this|these)|despite (?:this|these|its|their)|through (?:this|these)|under (?:this|these)|"
    r"using (?:this|these)|based on (?:this|these|it)|compared (?:to|with) (?:this|these|it)|"
    r"more specifically|specifically|in particular|particularly|"
    r"however|moreover|furthermore|additionally|nevertheless|nonetheless|yet|but|and|or|so|thus|therefore|hence|"
    r"consequently|accordingly|likewise|similarly|conversely|meanwhile|also|indeed|instead|otherwise|then|besides|"
    r"finally|lastly|first|firstly|secondly|thirdly|next|e\.g\.|i\.e\.|unlike (?:this|these|it)|while (?:this|these|it|such)|although (?:this|these|it))\b"
    r"|today\b|nowadays\b|(?-i:[a-z(\[]))",
    re.IGNORECASE,
)
_ANAPHORA = re.compile(
    r"\b(?:th(?:is|ese|ose) (?:\w+[ -]){0,2}?(?:problem|issue|challenge|gap|limitation|question|setting|shortcoming|difficult(?:y|ie)|"
    r"obstacle|need|drawback|concern|failure|bottleneck|task|framework|approach|method|phenomen(?:on|a)|result|finding|insight|"
    r"observation|model|idea|assumption|goal|process|property|end|technique|system|dataset|benchmark|trade-?off|context|space|behaviou?r|aspect|"
    r"principle|edit|condition|target|area|direction|topic|capabilit(?:y|ie)|effect|prior)s?|these|those|such (?!as\b)|this(?= \w+s\b)(?! (?:survey|thesis|analysis|hypothesis)\b)|the (?:gap|problem|issue|limitation|challenge)s?(?= (?:by|through|with|and|,))|"
    r"the (?:proposed|above|aforementioned|latter|former|resulting|new) \w+|our (?:proposed )?(?:method|approach|model|framework|"
    r"algorithm|system|results|experiments|findings|analysis|technique|proposal|solution|evaluation))\b",
    re.IGNORECASE,
)
_SIDE = re.compile(
    r"\b(?:code|data(?:set)?s?|models?|demo|implementation|source|weights|project page|videos?|materials?|appendix)\b[^.]{0,80}\b(?:available|released|found at|open-?sourced)"
    r"|https?://|\bgithub\.com|\bextensive (?:experiments?|evaluations?)\b|\bwe (?:also )?conduct\b|\bexperiments? (?:on|show|demonstrate)|"
    r"\bexperimental results\b|\b(?:numerical|empirical) (?:results|experiments)\b|\bwe (?:also|further|additionally|then|next|finally)\b|"
    r"\bwe (?:hope|believe|conclude|expect|envision|plan|note|discuss|outline)\b|\bfuture (?:work|research|directions)\b|\b(?:accepted|presented|published) (?:at|by|to|in)\b|"
    r"\bcontributes? to\b|\bin light of\b",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:[,;] (?:which|where|whose|thereby|thus|while|whereas|enabling|achieving|allowing|leading|leveraging|making|"
    r"providing|offering|resulting|demonstrating|showing|outperforming|yielding|ensuring|with|and|but|including|such as|as well as|"
    r"e\.g\.|i\.e\.|using|based on|by|without|consisting|comprising|covering|spanning|even|especially|particularly|in which|for which|"
    r"reducing|improving|highlighting|facilitating|so that|so|since|as|because|together|along|ranging|inspired|designed|built|namely|"
    r"focusing|combining|a|an|the|it)\b"
    r"|; |: | \u2014 |\u2014| \u2013 | -- | (?:that|which) (?:can|is|are|enables?|allows?|leverages?|combines?|integrates?|jointly|"
    r"uses?|exploits?|utili[sz]es?|addresses|unif(?:y|ies)|explicitly|directly|simultaneously|effectively|seamlessly) "
    r"| (?:while|by|where|without|using|through|via|thereby|based on|in order to|so that|to (?:enable|achieve|improve|address|ensure|"
    r"facilitate|capture|reduce|better|enhance|mitigate|support|guide|generate|learn|overcome)) )"
)
_REFERRING = re.compile(
    r"\b(?:this|these|those|such(?! as\b)|both (?:challenge|problem|issue|task|limitation|gap)s) "
    r"(?!(?:paper|work|article|study|thesis|survey|report|review|research|letter|note)\b)",
    re.IGNORECASE,
)
_NEEDING = re.compile(
    r", |; |: | \u2014 | (?:that|which|while|where|designed|tailored|tackling|addressing|capable|able|by|thereby|without|with|to) "
)
_PARENTHESES = re.compile(r" \((?![A-Z][\w+-]{1,14}\))[^()]{3,120}\)")
_REFERENCE = re.compile(r" ?\[(?:\d+(?:[-\u2013, ]+\d+)*|[A-Z][^\]]{0,40}\d{2,4}[a-z]?)\]")


def summary(abstract: str, title: str = "", limit: int = LIMIT) -> str:
    """Return the sentence of `abstract` that says best what the paper does, in at most `limit` characters.

    A sentence with the name that the title gives to the work ("SeeTree: ...") is preferred.

    The same abstract always gives the same sentence; an empty one gives "".
    """
    line = _REFERENCE.sub("", one_line(abstract[:_READ]))
    found = [_alone(text) for text in sentences(line)]
    if not found:
        return ""
    name = _name(title)

    def worth(index: int) -> tuple[float, int]:
        bonus = 1.5 if name and name in found[index] else 0.0
        return _score(found[index], index, len(found), limit) + bonus, -index

    return fitted(found[max(range(len(found)), key=worth)], limit)


def _name(title: str) -> str:
    """Return the name that a title gives to the work: a single word before a colon, or ""."""
    start, colon, _ = title.partition(":")
    return start if colon and len(start) >= 3 and " " not in start else ""


def fitted(sentence: str, limit: int) -> str:
    """Return a sentence in at most `limit` characters, cut after a clause, or between words with an ellipsis."""
    if len(sentence) <= limit:
        return sentence
    shorter = _PARENTHESES.sub("", sentence)
    if len(shorter) <= limit:
        return shorter
    clause = _clause(shorter, limit)
    return f"{clause}." if clause else shorten(shorter, limit)


def _clause(sentence: str, limit: int) -> str:
    """Return the longest start of a sentence that ends before a clause and has at most `limit` - 1 characters."""
    for match in reversed(list(_TAIL.finditer(sentence, 0, limit))):
        start = sentence[: match.start()].rstrip(" ,;:\u2014\u2013-")
        if len(start) < max(_SHORTEST, limit * 2 // 5):
            break
        if _is_closed(start):
            return start
    return ""


_OPEN_END = re.compile(
    r"\b(?:a|an|the|of|to|in|on|for|and|or|with|by|that|which|from|as|is|are|we|can|not|such|between|both|either|show|find|prove|"
    r"demonstrate|argue|propose|introduce|present|whether|if|than|into|e\.g|i\.e|only|first|novel|new|two|three|four|following|"
    r"called|termed|questions?|include|includes|including)$",
    re.IGNORECASE,
)


_ARTICLE = re.compile(" (?:a|an|the) ")
_FIRST_OF_LIST = re.compile(r"(?:\(|\b)(?:1|i|a)\)")
_SECOND_OF_LIST = re.compile(r"(?:\(|\b)(?:2|ii|b)\)")


def _is_closed(start: str) -> bool:
    """Return whether a start of a sentence reads as a whole one: brackets and quotes closed, no open list or phrase."""
    if (
        start.count("(") != start.count(")")
        or start.count("\u201c") != start.count("\u201d")
        or start.count('"') % 2
    ):
        return False
    if _OPEN_END.search(start) or (_FIRST_OF_LIST.search(start) and not _SECOND_OF_LIST.search(start)):
        return False
    last = start.rsplit(",", 1)[-1] if "," in start else ""
    # After "A, B" the "and C" is missing.
    is_one_of_list = len(last.split()) <= 4 and not _WORKING.search(last) and not _ARTICLE.match(last)
    return not (last and is_one_of_list)


def _alone(sentence: str) -> str:
    """Return a sentence without the openings that only connect it to others."""
    text = _LABEL.sub("", sentence)
    for _ in range(3):
        shorter = _CONNECTING.sub("", text)
        if shorter == text or len(shorter) < _SHORTEST:
            break
        text = shorter
    text = _before_reference(text)
    return text[:1].upper() + text[1:] if text is not sentence else text


def _before_reference(sentence: str) -> str:
    """Return a sentence without an end that refers to another one ("..., which solves these problems")."""
    reference = _REFERRING.search(sentence, _SHORTEST)
    if not reference:
        return sentence
    for match in reversed(list(_NEEDING.finditer(sentence, 0, reference.start() + 1))):
        start = sentence[: match.start()].rstrip(" ,;:\u2014\u2013-")
        if len(start) >= _SHORTEST and _is_closed(start):
            return f"{start}."
    return sentence


def _score(sentence: str, index: int, count: int, limit: int) -> float:
    """Return how well a sentence of an abstract says what the paper does, read alone."""
    score = 0.0
    is_about_work = True
    if _CONTRIBUTION.search(sentence):
        score += 6
        if _NAMED.search(sentence):
            score += 1
    elif _FINDING.search(sentence):
        score += 4.5
    elif _WORKING.search(sentence):
        score += 4
    elif _DOING.match(sentence):
        score += 3
    else:
        is_about_work = False
    if _RESULT.search(sentence):
        score += 1
    if _DEPENDENT.search(sentence):
        score -= 6
    score -= 2.5 * len(_ANAPHORA.findall(sentence))
    score -= 2.5 * len(_SIDE.findall(sentence))
    if sentence.endswith("?"):
        score -= 3
    if sentence.endswith(":") or _FIRST_OF_LIST.search(sentence):
        score -= 1
    if _UNFINISHED.search(sentence):
        score -= 3
    if not is_about_work and _BACKGROUND.search(sentence):
        score -= 2
    length = len(sentence)
    if length < _SHORTEST:
        score -= 3
    elif length > limit:
        clause = len(_PARENTHESES.sub("", sentence)) <= limit or _clause(
            _PARENTHESES.sub("", sentence), limit
        )
        score -= (0.5 if clause else 2.5) + min(1.0, (length - limit) / 300)
    # The contribution usually comes before its details and its results.
    return score - 1.5 * index / max(1, count)
