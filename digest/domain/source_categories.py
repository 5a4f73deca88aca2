"""The categories of sources other than arXiv, each with the name of its source before a colon: `biorxiv:neuroscience`.

arXiv's names have no colon, so the two cannot be equal.
"""

import re

_BIORXIV = """
    Animal Behavior and Cognition; Biochemistry; Bioengineering; Bioinformatics; Biophysics; Cancer Biology;
    Cell Biology; Clinical Trials; Developmental Biology; Ecology; Epidemiology; Evolutionary Biology; Genetics;
    Genomics; Immunology; Microbiology; Molecular Biology; Neuroscience; Paleontology; Pathology;
    Pharmacology and Toxicology; Physiology; Plant Biology; Scientific Communication and Education;
    Synthetic Biology; Systems Biology; Zoology
"""
_MEDRXIV = """
    Addiction Medicine; Allergy and Immunology; Anesthesia; Cardiovascular Medicine; Dentistry and Oral Medicine;
    Dermatology; Emergency Medicine; Endocrinology; Epidemiology; Forensic Medicine; Gastroenterology;
    Genetic and Genomic Medicine; Geriatric Medicine; Health Economics; Health Informatics; Health Policy;
    Health Systems and Quality Improvement; Hematology; HIV AIDS; Infectious Diseases;
    Intensive Care and Critical Care Medicine; Medical Education; Medical Ethics; Nephrology; Neurology; Nursing;
    Nutrition; Obstetrics and Gynecology; Occupational and Environmental Health; Oncology; Ophthalmology; Orthopedics;
    Otolaryngology; Pain Medicine; Palliative Medicine; Pathology; Pediatrics; Pharmacology and Therapeutics;
    Primary Care Research; Psychiatry and Clinical Psychology; Public and Global Health; Radiology and Imaging;
    Rehabilitation Medicine and Physical Therapy; Respiratory Medicine; Rheumatology; Sexual and Reproductive Health;
    Sports Medicine; Surgery; Toxicology; Transplantation; Urology
"""
_OPENALEX = """
    Agricultural and Biological Sciences; Arts and Humanities; Biochemistry, Genetics and Molecular Biology;
    Business, Management and Accounting; Chemical Engineering; Chemistry; Computer Science; Decision Sciences;
    Dentistry; Earth and Planetary Sciences; Economics, Econometrics and Finance; Energy; Engineering;
    Environmental Science; Health Professions; Immunology and Microbiology; Materials Science; Mathematics; Medicine;
    Neuroscience; Nursing; Pharmacology, Toxicology and Pharmaceutics; Physics and Astronomy; Psychology;
    Social Sciences; Veterinary
"""
_LONGEST = 60
_NOT_LETTERS = re.compile("[^a-z0-9]+")
CATEGORY_FORM = re.compile(
    r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z]+(?:-[A-Za-z]+)*)?|[a-z]+:[a-z0-9]+(?:-[a-z0-9]+)*"
)
"""How a category is written: arXiv's `cs.CL` and `hep-th`, and those of other sources."""
FEED_CATEGORY = re.compile(r"rss:[a-z0-9]+(?:-[a-z0-9]+)*")
"""The category of an RSS or Atom feed, which the settings name."""


def source_category(source: str, name: str) -> str:
    """Return the category that a source calls `name`: `biorxiv:cell-biology` for "Cell Biology"; "" without a name."""
    words = _NOT_LETTERS.sub("-", name.lower()).strip("-")
    return f"{source}:{words}"[:_LONGEST].rstrip("-") if words else ""


SOURCE_TITLES = {
    "biorxiv": "bioRxiv",
    "medrxiv": "medRxiv",
    "openalex": "OpenAlex",
    "rss": "Journals and blogs",
}
"""The sources whose categories have their name before the colon."""
_LISTED = {"biorxiv": _BIORXIV, "medrxiv": _MEDRXIV, "openalex": _OPENALEX}

SOURCE_CATEGORIES: dict[str, str] = {
    category: name
    for source, title in SOURCE_TITLES.items()
    for category, name in (
        (source, title),
        *(
            (source_category(source, one.strip()), one.strip())
            for one in " ".join(_LISTED.get(source, "").split()).split(";")
            if one.strip()
        ),
    )
}
"""Sources (`biorxiv`: all its papers) and their categories with names, each category after its source."""
