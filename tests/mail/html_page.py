from html.parser import HTMLParser

HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '"><a href="https://evil.example.org">click</a>',
    "{{ 7 * 7 }}{% raw %}[[ subject ]][% block x %]",
    "safe\u202egpj.exe \u200b\ufeff\x00\x07",
    "line one\r\nBcc: all@example.net\r\n\r\nline two",
    r"$\mathbb{R}^{n \times m}$ \textbf{and} \% \& {\"o}",
    "שלום עולם: רשתות נוירונים",
    "👩🏽\u200d🔬 emoji 🧪" * 20,
    "x" * 10_000,
    "word " * 2_000,
    "&lt;b&gt; &amp; Tom & Jerry's",
    "<!--[if mso]>",
    "\ud800 half a character",
)


class Page(HTMLParser):
    """Parses HTML as a mail program does: elements, links and readable text."""

    VOID = frozenset({"meta", "br", "img", "hr", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]
