"""Made-up papers of a few fields, so that tests have something to tell apart."""

from random import Random

FIELDS = {
    "tracking": "object tracking event camera target template frame motion occlusion association box",
    "unlearning": "machine unlearning forgetting language model privacy removal knowledge retain forget erase",
    "protein": "protein folding structure amino residue binding sequence enzyme mutation docking",
    "speech": "speech recognition acoustic phoneme audio speaker transcription utterance accent voice",
}
_GENERAL = "method results training data approach evaluation benchmark performance network analysis"
_COMMON = _GENERAL.split()


def paper(field: str, number: int) -> tuple[str, str]:
    """Return the (title, abstract) of a field's paper; the same number gives the same paper."""
    random = Random(f"{field} {number}")
    words = FIELDS[field].split()
    title = " ".join(random.sample(words, 4)).capitalize()
    sentences = [
        " ".join(random.choices(words, k=6) + random.sample(_COMMON, 4)).capitalize() + "." for _ in range(5)
    ]
    return title, " ".join(sentences)


def papers(field: str, count: int, start: int = 0) -> list[tuple[str, str]]:
    """Return papers of one field."""
    return [paper(field, number) for number in range(start, start + count)]
