"""Words that say nothing about a paper's subject, and the light stemming that folds plurals."""

_SILENT = """
a about above across after again against all almost along also although among an and another any are
around as at be became because become been before being below between both but by can cannot could
did do does doing done down due during each either etc even ever every few first for from further
had has have having he hence her here him his how however if in indeed instead into is it its itself
just least less like many may me might more moreover most much must my namely near neither never
next no nor not now of off often on once one only onto or other our ours out over own per perhaps
rather same second several she should since so some such than that the their them then there
thereby therefore these they this those through throughout thus to together too toward towards
two under until up upon us very via was we well were what when where whereas whether which while who
whom whose why will with within without would yet you your
et al ie eg
"""
STOP_WORDS = frozenset(_SILENT.split())

_KEPT_ENDINGS = ("ss", "us", "is")


def stem(word: str) -> str:
    """Fold a plural: `models` -> `model`, `policies` -> `policy`; short words and names stay."""
    if len(word) < 4 or word[-1] != "s" or word.endswith(_KEPT_ENDINGS):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1]
