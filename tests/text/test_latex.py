# ruff: noqa: RUF001 - look-alike characters are what is tested
import json
import re
import time
import unicodedata
from collections.abc import Iterator
from gzip import open as open_gzip
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.text.characters import visible
from digest.text.latex import one_line, paragraphs, readable

ACCENTS = [
    (r"Fr\'echet Inception", "Fréchet Inception"),
    (r"M\"{o}bius and G\"odel", "Möbius and Gödel"),
    (r"na\"{\i}ve, na\"ive", "naïve, naïve"),
    (r"Ba\~n\'on, Tom\'a\v{s}ev, C\^ote", "Bañón, Tomášev, Côte"),
    (r"{\c c}a, \c{c}a, \c ca", "ça, ça, ça"),
    (r"k\={a}k\={a}, Erd\H{o}s, \u{A}n", "kākā, Erdős, Ăn"),
    (r"\'{E}cole, \`a la, Mand\`e", "École, à la, Mandè"),
    (r"Bj{\o}rn \o{}re, \AA ngstr\"om, \ss, \L{}\'od\'z", "Bjørn øre, Ångström, ß, Łódź"),
    (r"Nguy\~ên, Tolúl\d{o}pé", "Nguyễn, Tolúlọpé"),
    (r"Mus{é}e", "Musée"),
    # Greek and escaped quotes as some exporters write them.
    (r"\k{appa} = 0.7, \r{ho}, \b{eta}-VAE", "κ = 0.7, ρ, β-VAE"),
    (r"the model\'s ability", "the model's ability"),
    (r"\~8B models", "~8B models"),
]

STYLES = [
    (r"\textbf{Rule}sual, \emph{alia \textit{lingua}}", "Rulesual, alia lingua"),
    (r"\textsc{T-Mask}: {\bf bold} {\it learning from}", "T-Mask: bold learning from"),
    (r"We propose \method, \name{} and \ours which", "We propose method, name and ours which"),
    (r"\textcolor{red}{new}, \tit{own style}", "new, own style"),
    (r"shown~\cite{x2024, y}. As in \citep{z} we", "shown. As in we"),
    (r"Code\footnote{At https://a.example/b.} is", "Code (At https://a.example/b) is"),
    (r"see \href{https://a.example/b}{here}.", "see here (https://a.example/b)."),
    (r"see \href{https://a.example/b_c}{https://a.example/b_c}.", "see https://a.example/b_c."),
    (r"see \url{https://a.example/b\_c}", "see https://a.example/b_c"),
    (r"(\eg, this, \ie that)", "(e.g., this, i.e. that)"),
    (r"40\% of Q\&A \#1 in \$100", "40% of Q&A #1 in $100"),
    (r"Call\,Recording, Fig.~1, 13~mm", "Call Recording, Fig. 1, 13 mm"),
    (r"de-professiona\-lisation", "de-professionalisation"),
    (r"{GSR4B}: {B}ias-{L}inked, 22{,}879", "GSR4B: Bias-Linked, 22,879"),
    (r"the set {poor, fair, good}", "the set {poor, fair, good}"),
    (r"DESIGN-R\textsuperscript{\textregistered} at 360{\deg}", "DESIGN-R® at 360°"),
    (r"1\textpertenthousand Spatial", "1‱ Spatial"),
    (r"tokens (\n\n) after", r"tokens (\n\n) after"),
]

FORMULAS = [
    (r"$L^2$-norm, M$^2$CD, X$^{2}$-Gaussian, H$^{\mathbf{3}}$DP", "L²-norm, M²CD, X²-Gaussian, H³DP"),
    (r"U^2-Net, DM^2S^2, CA^2ST, FA^{3}-CLIP", "U²-Net, DM²S², CA²ST, FA³-CLIP"),
    (r"$\alpha$-GAN, Param$Δ$, $\Delta t$", "α-GAN, ParamΔ, Δt"),
    (r"$10^{-3}$, 10^-3, 10^(-24), $2^{128}$", "10⁻³, 10⁻³, 10⁻²⁴, 2¹²⁸"),
    (r"4.64$\times$ faster, ($\times$4), $7 \times 6$", "4.64× faster, (×4), 7 × 6"),
    (r"$O(n\log n)$, $\mathcal{O}(T)$", "O(n log n), O(T)"),
    (r"$AP_{rare}$, $L_{joint}$, $\mathcal{L}_{\text{on}}$, $T_{\max}$", "AP_rare, L_joint, L_on, T_max"),
    (r"$C^\perp$, $C^{\perp}$, $A^\dagger$, $A^{\otimes n}$", "C⊥, C⊥, A†, A^(⊗n)"),
    (r"see \href{https://a.example/long}{https://b.example/short}.", "see https://a.example/long."),
    (r"CaO$_2$, $Y_0$, $x_{ij}$, $MV_{Hybrid}$", "CaO₂, Y₀, xᵢⱼ, MV_Hybrid"),
    (r"$x \in \mathbb{R}^{d}$, $A\rightarrow B$, $\leq 5$", "x ∈ ℝᵈ, A → B, ≤ 5"),
    (r"$\textrm{ODE}_t \left(\textrm{ODE}_l \right)$", "ODEₜ (ODEₗ)"),
    (r"Di$\mathtt{[M]}$O, $\mathsf{SO(3)}$", "Di[M]O, SO(3)"),
    (r"$\frac{1}{2}$ or $\frac{a+b}{c}$, $\sqrt{d}$", "1/2 or (a+b)/c, √d"),
    (r"\(X\)-evolve, \[ a = b \]", "X-evolve, a = b"),
    (r"$\hat{x}$, $\bar{X}$, $f''$", "x̂, X̄, f′′"),
    (r"$\{0,1\}^n$, $\lceil x \rceil$", "{0,1}ⁿ, ⌈ x ⌉"),
    (r"AI-45$^{\circ}$ Law, 360$^\circ$", "AI-45° Law, 360°"),
    (r"Co$^{3}$Gesture, $D^2LoRA$, $Co$mmon", "Co³Gesture, D²LoRA, Common"),
    (r"$R^{H \times W \times 3}$", "R^(H×W×3)"),
    (r"entropy$\unicode{x2014}$an", "entropy—an"),
    (r"dual-$\mathbf{\texttt{D}}$ual", "dual-Dual"),
    (r"Trans${^2}$-CBCT, ${C}^{3}$-GS", "Trans²-CBCT, C³-GS"),
    (r"$∃^*∀^*$ Hyper", "∃*∀* Hyper"),
    (r"Ain$'$t", "Ain't"),
]

NOT_TEX = [
    ("Wan-I2V with $500 Training Cost", "Wan-I2V with $500 Training Cost"),
    ("from $5 per paper to $10 per page", "from $5 per paper to $10 per page"),
    ("($18/hour versus $60/hour)", "($18/hour versus $60/hour)"),
    ("Humanoid Policy ~ Human Policy", "Humanoid Policy ~ Human Policy"),
    ("improves by ~5% at https://a.example/~user/x--y", "improves by ~5% at https://a.example/~user/x--y"),
    ("snake_case_names and cp_measure", "snake_case_names and cp_measure"),
    ("so happy ^_^ now", "so happy ^_^ now"),
    ("``quoted'' and \"half''", '“quoted” and "half"'),
    ("a `world model' and `code` of it", "a ‘world model’ and `code` of it"),
    ("Gulls -- Echoes---Lamps, Vision--Language", "Gulls – Echoes—Lamps, Vision–Language"),
    ("<think> a < b </think>", "<think> a < b </think>"),
]  # fmt: skip


@pytest.mark.parametrize(("tex", "text"), ACCENTS + STYLES + FORMULAS + NOT_TEX)
def test_tex_is_converted_to_readable_text(tex: str, text: str) -> None:
    assert one_line(tex) == unicodedata.normalize("NFC", text)


def test_titles_lose_their_line_breaks() -> None:
    assert one_line("Counting\n  Gulls\r\n\tin  Fog ") == "Counting Gulls in Fog"


def test_abstracts_are_unwrapped_and_keep_their_paragraphs() -> None:
    wrapped = "  We teach a\nlighthouse.\n  It counts \\emph{gulls}\nin $L^2$.\n\nWell."
    assert paragraphs(wrapped) == "We teach a lighthouse.\nIt counts gulls in L².\nWell."
    assert paragraphs("one\r\ntwo\r\n  three") == "one two\nthree"
    assert paragraphs(" \n \n") == ""


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [
        ("zero\u200bwidth\ufeff and so\u00adft", "zerowidth and soft"),
        ("\u202eevil\u202c \u2066isolate\u2069", "evil isolate"),
        ("nul\x00 bell\x07 next\x85line", "nul bell next\nline"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("a\u200db", "ab"),
        ("tag\U000e0041s", "tags"),
        ("cafe\u0301", "café"),
    ],
)
def test_invisible_characters_are_removed(hidden: str, plain: str) -> None:
    assert visible(hidden) == readable(hidden) == plain


@pytest.mark.parametrize(
    "text",
    [
        "שלום עולם: מודלי שפה",
        "تعلم الآلة",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d🔬 and ❤️",
        "深度学习",
        "Việt Nam",
    ],
)
def test_legitimate_scripts_and_emoji_stay(text: str) -> None:
    assert readable(text) == unicodedata.normalize("NFC", text)


_tex_like = st.lists(
    st.sampled_from(
        [*"{}$^_~&\\'\"`- ax0.[]()", "$$", "\\frac", "\\textbf{", "\\'", '\\"', "\\left", "\\cite{", "\\(", "\\]", "\\hat", "\\unicode{x"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(st.text() | _tex_like)
@example("{" * 200)
@example("\\unicode{x110000}\\unicode{}\\unicode{xd800}")
def test_conversion_never_raises_and_results_can_be_encoded(text: str) -> None:
    shown = readable(text)
    shown.encode()
    assert not any(
        unicodedata.category(character) == "Cc" and character not in "\n\t\r" for character in shown
    )
    assert "\n" not in one_line(text)
    assert "\r" not in paragraphs(text)


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F)))
def test_plain_words_are_unchanged(text: str) -> None:
    assert readable(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "piece",
    ["{", "}", "$", "$x", "\\", "\\(", "\\textbf{", "^{", "``", "''", "~", "--", "{}", "\\'", "\\frac", "$1a", "\\cite", "`a", "{a, b", "^(a", "\u200d"],
)  # fmt: skip
def test_hostile_titles_take_linear_time(piece: str) -> None:
    # CPU time, because elapsed time depends on other work. Quadratic time would be minutes.
    started = time.process_time()
    readable(piece * (40_000 // len(piece)))
    assert time.process_time() - started < 4


def _real_papers(shared: Path) -> Iterator[dict[str, str]]:
    with open_gzip(shared / "data" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def test_real_titles_are_clean(shared: Path) -> None:
    """Of all real titles, only amounts of money keep a TeX character; converting twice changes nothing."""
    left = []
    for paper in _real_papers(shared):
        title = one_line(paper["title"])
        if re.search(r"[\\{}]|\$(?!\d)|``|''|--", title):
            left.append(title)
        assert one_line(title) == title
    assert left == []


def test_real_abstracts_keep_little_tex(shared: Path) -> None:
    total = left = 0
    for paper in _real_papers(shared):
        total += 1
        left += bool(re.search(r"\\[a-zA-Z]{2}|\$[a-zA-Z\\]|\{\\", paragraphs(paper["abstract"])))
    assert left / total < 0.0005
