"""The categories of all sources with their names, and parsing of typed ones.

arXiv's archives and categories are those of arxiv.org/category_taxonomy; `digest.domain.source_categories` has the
others.
"""

from collections.abc import Collection
from difflib import get_close_matches
from functools import reduce

from digest.domain.source_categories import FEED_CATEGORY, SOURCE_CATEGORIES, SOURCE_TITLES
from digest.errors import BadInput
from digest.text.languages import gettext

_TAXONOMY: dict[str, tuple[str, dict[str, str]]] = {
    "cs": (
        "Computer Science",
        {
            "AI": "Artificial Intelligence",
            "AR": "Hardware Architecture",
            "CC": "Computational Complexity",
            "CE": "Computational Engineering, Finance, and Science",
            "CG": "Computational Geometry",
            "CL": "Computation and Language",
            "CR": "Cryptography and Security",
            "CV": "Computer Vision and Pattern Recognition",
            "CY": "Computers and Society",
            "DB": "Databases",
            "DC": "Distributed, Parallel, and Cluster Computing",
            "DL": "Digital Libraries",
            "DM": "Discrete Mathematics",
            "DS": "Data Structures and Algorithms",
            "ET": "Emerging Technologies",
            "FL": "Formal Languages and Automata Theory",
            "GL": "General Literature",
            "GR": "Graphics",
            "GT": "Computer Science and Game Theory",
            "HC": "Human-Computer Interaction",
            "IR": "Information Retrieval",
            "IT": "Information Theory",
            "LG": "Machine Learning",
            "LO": "Logic in Computer Science",
            "MA": "Multiagent Systems",
            "MM": "Multimedia",
            "MS": "Mathematical Software",
            "NA": "Numerical Analysis",
            "NE": "Neural and Evolutionary Computing",
            "NI": "Networking and Internet Architecture",
            "OH": "Other Computer Science",
            "OS": "Operating Systems",
            "PF": "Performance",
            "PL": "Programming Languages",
            "RO": "Robotics",
            "SC": "Symbolic Computation",
            "SD": "Sound",
            "SE": "Software Engineering",
            "SI": "Social and Information Networks",
            "SY": "Systems and Control",
        },
    ),
    "econ": (
        "Economics",
        {
            "EM": "Econometrics",
            "GN": "General Economics",
            "TH": "Theoretical Economics",
        },
    ),
    "eess": (
        "Electrical Engineering and Systems Science",
        {
            "AS": "Audio and Speech Processing",
            "IV": "Image and Video Processing",
            "SP": "Signal Processing",
            "SY": "Systems and Control",
        },
    ),
    "math": (
        "Mathematics",
        {
            "AC": "Commutative Algebra",
            "AG": "Algebraic Geometry",
            "AP": "Analysis of PDEs",
            "AT": "Algebraic Topology",
            "CA": "Classical Analysis and ODEs",
            "CO": "Combinatorics",
            "CT": "Category Theory",
            "CV": "Complex Variables",
            "DG": "Differential Geometry",
            "DS": "Dynamical Systems",
            "FA": "Functional Analysis",
            "GM": "General Mathematics",
            "GN": "General Topology",
            "GR": "Group Theory",
            "GT": "Geometric Topology",
            "HO": "History and Overview",
            "IT": "Information Theory",
            "KT": "K-Theory and Homology",
            "LO": "Logic",
            "MG": "Metric Geometry",
            "MP": "Mathematical Physics",
            "NA": "Numerical Analysis",
            "NT": "Number Theory",
            "OA": "Operator Algebras",
            "OC": "Optimization and Control",
            "PR": "Probability",
            "QA": "Quantum Algebra",
            "RA": "Rings and Algebras",
            "RT": "Representation Theory",
            "SG": "Symplectic Geometry",
            "SP": "Spectral Theory",
            "ST": "Statistics Theory",
        },
    ),
    "astro-ph": (
        "Astrophysics",
        {
            "CO": "Cosmology and Nongalactic Astrophysics",
            "EP": "Earth and Planetary Astrophysics",
            "GA": "Astrophysics of Galaxies",
            "HE": "High Energy Astrophysical Phenomena",
            "IM": "Instrumentation and Methods for Astrophysics",
            "SR": "Solar and Stellar Astrophysics",
        },
    ),
    "cond-mat": (
        "Condensed Matter",
        {
            "dis-nn": "Disordered Systems and Neural Networks",
            "mes-hall": "Mesoscale and Nanoscale Physics",
            "mtrl-sci": "Materials Science",
            "other": "Other Condensed Matter",
            "quant-gas": "Quantum Gases",
            "soft": "Soft Condensed Matter",
            "stat-mech": "Statistical Mechanics",
            "str-el": "Strongly Correlated Electrons",
            "supr-con": "Superconductivity",
        },
    ),
    "gr-qc": ("General Relativity and Quantum Cosmology", {}),
    "hep-ex": ("High Energy Physics - Experiment", {}),
    "hep-lat": ("High Energy Physics - Lattice", {}),
    "hep-ph": ("High Energy Physics - Phenomenology", {}),
    "hep-th": ("High Energy Physics - Theory", {}),
    "math-ph": ("Mathematical Physics", {}),
    "nlin": (
        "Nonlinear Sciences",
        {
            "AO": "Adaptation and Self-Organizing Systems",
            "CD": "Chaotic Dynamics",
            "CG": "Cellular Automata and Lattice Gases",
            "PS": "Pattern Formation and Solitons",
            "SI": "Exactly Solvable and Integrable Systems",
        },
    ),
    "nucl-ex": ("Nuclear Experiment", {}),
    "nucl-th": ("Nuclear Theory", {}),
    "physics": (
        "Physics",
        {
            "acc-ph": "Accelerator Physics",
            "ao-ph": "Atmospheric and Oceanic Physics",
            "app-ph": "Applied Physics",
            "atm-clus": "Atomic and Molecular Clusters",
            "atom-ph": "Atomic Physics",
            "bio-ph": "Biological Physics",
            "chem-ph": "Chemical Physics",
            "class-ph": "Classical Physics",
            "comp-ph": "Computational Physics",
            "data-an": "Data Analysis, Statistics and Probability",
            "ed-ph": "Physics Education",
            "flu-dyn": "Fluid Dynamics",
            "gen-ph": "General Physics",
            "geo-ph": "Geophysics",
            "hist-ph": "History and Philosophy of Physics",
            "ins-det": "Instrumentation and Detectors",
            "med-ph": "Medical Physics",
            "optics": "Optics",
            "plasm-ph": "Plasma Physics",
            "pop-ph": "Popular Physics",
            "soc-ph": "Physics and Society",
            "space-ph": "Space Physics",
        },
    ),
    "quant-ph": ("Quantum Physics", {}),
    "q-bio": (
        "Quantitative Biology",
        {
            "BM": "Biomolecules",
            "CB": "Cell Behavior",
            "GN": "Genomics",
            "MN": "Molecular Networks",
            "NC": "Neurons and Cognition",
            "OT": "Other Quantitative Biology",
            "PE": "Populations and Evolution",
            "QM": "Quantitative Methods",
            "SC": "Subcellular Processes",
            "TO": "Tissues and Organs",
        },
    ),
    "q-fin": (
        "Quantitative Finance",
        {
            "CP": "Computational Finance",
            "EC": "Economics",
            "GN": "General Finance",
            "MF": "Mathematical Finance",
            "PM": "Portfolio Management",
            "PR": "Pricing of Securities",
            "RM": "Risk Management",
            "ST": "Statistical Finance",
            "TR": "Trading and Market Microstructure",
        },
    ),
    "stat": (
        "Statistics",
        {
            "AP": "Applications",
            "CO": "Computation",
            "ME": "Methodology",
            "ML": "Machine Learning",
            "OT": "Other Statistics",
            "TH": "Statistics Theory",
        },
    ),
}

ARXIV_NAMES: dict[str, str] = {
    name: title
    for archive, (archive_title, categories) in _TAXONOMY.items()
    for name, title in (
        (archive, archive_title),
        *((f"{archive}.{ending}", title) for ending, title in categories.items()),
    )
}
"""Archives (`cs`) and categories (`cs.CL`) with their names, each category after its archive."""
NAMES: dict[str, str] = {**ARXIV_NAMES, **SOURCE_CATEGORIES}
"""The categories of all sources with their names."""
_FOLDED = {name.casefold(): name for name in NAMES}


def field_of(category: str) -> str:
    """Return the field of a category: arXiv's archive (`cs` of `cs.CL`), or the source (`biorxiv`)."""
    source, colon, _ = category.partition(":")
    return source if colon else category.partition(".")[0]


def is_within(category: str, wider: str) -> bool:
    """Whether a category is `wider`, or belongs to the archive or source of that name. Case is ignored."""
    name, other = category.lower(), wider.lower()
    return name == other or name.startswith((f"{other}.", f"{other}:"))


def known_category(text: str) -> str:
    """Return a category, archive or source as it is written here, whatever the case. Raises BadInput with a suggestion."""
    folded = text.strip().casefold()
    found = _FOLDED.get(folded) or (folded if FEED_CATEGORY.fullmatch(folded) else None)
    if found is None:
        raise BadInput(_suggestion(text))
    return found


def arxiv_category(text: str) -> str:
    """Return a category or archive as arXiv writes it, whatever the case. Raises BadInput with a suggestion."""
    found = known_category(text)
    if found not in ARXIV_NAMES:
        raise BadInput(f"{found} is not a category of arXiv; write one like cs.CL or hep-th.")
    return found


def _suggestion(text: str) -> str:
    """Say that there is no such category, and name the one that was probably meant.

    It is one whose name contains the words, or one spelled similarly.
    """
    wanted = " ".join(text.casefold().split())
    named = [name for name, title in NAMES.items() if len(wanted) > 3 and wanted in title.casefold()]
    alike = get_close_matches(wanted, _FOLDED, n=3, cutoff=0.75)
    meant = named[:3] or [_FOLDED[one] for one in alike]
    if meant:
        alternatives = reduce(
            lambda first, second: gettext("%(first)s or %(second)s", first=first, second=second),
            [f"{one} ({NAMES[one]})" for one in meant],
        )
        return gettext(
            "There is no category %(category)s; did you mean %(alternatives)s?",
            category=repr(text),
            alternatives=alternatives,
        )
    archive = wanted.partition(".")[0]
    if archive in _TAXONOMY and (endings := list(_TAXONOMY[archive][1])):
        return gettext(
            "There is no category %(category)s; %(archive)s has %(categories)s.",
            category=repr(text),
            archive=archive,
            categories=", ".join(f"{archive}.{ending}" for ending in endings),
        )
    return gettext(
        "There is no category %(category)s; write it like cs.CL, hep-th or biorxiv:neuroscience; "
        "all are listed by: digest papers categories",
        category=repr(text),
    )


def category_groups(sources: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the categories to choose from as (title, (category, name) pairs): arXiv's archives, and those of `sources`."""
    groups = [("arXiv", [(archive, title) for archive, (title, _) in _TAXONOMY.items()])]
    for source, title in SOURCE_TITLES.items():
        own = [(name, title) for name, title in SOURCE_CATEGORIES.items() if field_of(name) == source]
        feeds = [(name, name.partition(":")[2]) for name in sources if name.startswith(f"{source}:")]
        if source in sources or feeds:
            groups.append((title, [*own, *feeds]))
    return groups
