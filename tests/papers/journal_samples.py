"""Small made-up answers in the formats of bioRxiv and medRxiv, of OpenAlex, and of the feeds of journals and blogs."""

import json
from typing import Any
from xml.sax.saxutils import escape

from tests.papers.samples import ABSTRACT

REGISTRANT = "10.1101"


def biorxiv_record(number: str = "2026.03.03.123456", **changes: Any) -> dict[str, Any]:
    """Return one version with all fields of the API, in its order."""
    record = {
        "title": f"Counting Gulls {number}",
        "authors": "Ada Fern; Moss, R. J.; van der Reed, L.",
        "author_corresponding": "Ada Fern",
        "author_corresponding_institution": "Coast Lab",
        "doi": f"{REGISTRANT}/{number}",
        "date": "2026-03-03",
        "version": "1",
        "type": "new results",
        "license": "cc_by",
        "category": "animal behavior and cognition",
        "jatsxml": f"https://www.biorxiv.org/content/early/2026/03/03/{number}.source.xml",
        "abstract": ABSTRACT,
        "funder": "NA",
        "published": "NA",
        "server": "bioRxiv",
    }
    return {**record, **changes}


def biorxiv_page(
    *records: dict[str, Any], cursor: int = 0, total: int | str | None = None, status: str = "ok"
) -> bytes:
    message = {
        "status": status,
        "category": "all",
        "interval": "2026-03-03:2026-03-04",
        "funder": "all",
        "cursor": cursor,
        "count": len(records),
        "count_new_papers": str(len(records)),
        "total": str(len(records)) if total is None else total,
    }
    return json.dumps({"messages": [message], "collection": list(records)}, indent=1).encode()


NO_POSTS = b'{"messages":[{"status":"no posts found"}],"collection":[]}'


def inverted(text: str) -> dict[str, list[int]]:
    """Return the positions of each word, as OpenAlex has an abstract."""
    index: dict[str, list[int]] = {}
    for position, word in enumerate(text.split()):
        index.setdefault(word, []).append(position)
    return index


def work(number: str = "2026.03.03.123456", **changes: Any) -> dict[str, Any]:
    """Return one work with the fields that are requested."""
    doi = f"https://doi.org/{REGISTRANT}/{number}"
    place = {
        "is_oa": True,
        "landing_page_url": doi,
        "pdf_url": None,
        "source": {
            "id": "https://openalex.org/S137773608",
            "display_name": "Gulls",
            "issn_l": "0028-0836",
            "issn": ["0028-0836", "1476-4687"],
            "type": "journal",
        },
        "license": "cc-by",
        "version": "publishedVersion",
    }
    record = {
        "id": f"https://openalex.org/W{number.replace('.', '')}",
        "doi": doi,
        "title": f"Counting Gulls {number}",
        "publication_date": "2026-03-03",
        "authorships": [
            {
                "author_position": "first",
                "author": {
                    "id": "https://openalex.org/A1",
                    "display_name": "Ada Fern",
                    "orcid": "https://orcid.org/0000-0002-1825-0097",
                },
                "institutions": [],
                "raw_author_name": "A. Fern",
            },
            {"author_position": "last", "author": {"id": None, "display_name": "Li Reed", "orcid": None}},
        ],
        "primary_topic": {
            "id": "https://openalex.org/T10000",
            "display_name": "Memory of Birds",
            "score": 0.99,
            "subfield": {
                "id": "https://openalex.org/subfields/2805",
                "display_name": "Cognitive Neuroscience",
            },
            "field": {"id": "https://openalex.org/fields/28", "display_name": "Neuroscience"},
            "domain": {"id": "https://openalex.org/domains/1", "display_name": "Life Sciences"},
        },
        "primary_location": place,
        "best_oa_location": {**place, "pdf_url": f"https://gulls.example.org/{number}.pdf"},
        "locations": [place],
        "abstract_inverted_index": inverted(ABSTRACT),
        "cited_by_count": 2,
        "is_retracted": False,
    }
    return {**record, **changes}


def works_page(*works: dict[str, Any], total: int | None = None) -> bytes:
    meta = {
        "count": len(works) if total is None else total,
        "db_response_time_ms": 41,
        "page": 1,
        "per_page": 100,
        "groups_count": None,
    }
    return json.dumps({"meta": meta, "results": list(works), "group_by": []}, indent=1).encode()


def rdf_item(number: str = "s41586-026-00001-1", *, abstract: str = ABSTRACT, more: str = "") -> str:
    """Return an item as Nature's feeds have it."""
    doi = f"{REGISTRANT}/{number}"
    link = f"https://www.nature.com/articles/{number}"
    citation = f'&lt;p&gt;Gulls, Published online: 03 March 2026; &lt;a href="{link}"&gt;doi:{doi}&lt;/a&gt;&lt;/p&gt;'
    return f"""
  <item rdf:about="{link}">
    <title><![CDATA[Counting Gulls {number}]]></title>
    <link>{link}</link>
    <content:encoded>{citation}{escape(escape(abstract))}</content:encoded>
    <dc:title><![CDATA[Counting Gulls {number}]]></dc:title>
    <dc:creator>Ada Fern</dc:creator><dc:creator>Li Reed</dc:creator>
    <dc:identifier>doi:{doi}</dc:identifier>
    <dc:source>Gulls, Published online: 2026-03-03; | doi:{doi}</dc:source>
    <dc:date>2026-03-03</dc:date>
    <prism:publicationName>Gulls</prism:publicationName>
    <prism:doi>{doi}</prism:doi>
    <prism:url>{link}</prism:url>{more}
  </item>"""


def rdf_feed(*items: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
  <channel rdf:about="http://feeds.nature.com/gulls/rss/current">
    <title>Gulls</title><link>http://feeds.nature.com/gulls/rss/current</link><dc:language>en</dc:language>
  </channel>{"".join(items)}
</rdf:RDF>
"""


def rss_feed(*items: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
  <channel><title>Gulls</title><atom:link href="https://gulls.example.org/feed" rel="self"/>
  <link>https://gulls.example.org</link>{"".join(items)}</channel>
</rss>
"""


WORDPRESS_ITEM = """
  <item>
    <title>What the fog taught us &#8211; a note</title>
    <link>https://gulls.example.org/2026/03/fog/</link>
    <comments>https://gulls.example.org/2026/03/fog/#respond</comments>
    <dc:creator><![CDATA[Ada Fern]]></dc:creator>
    <pubDate>Tue, 03 Mar 2026 23:30:00 -0500</pubDate>
    <category><![CDATA[Fog]]></category>
    <guid isPermaLink="false">https://gulls.example.org/?p=17</guid>
    <description><![CDATA[A short &#8230; [&#8230;]]]></description>
    <content:encoded><![CDATA[<p>Fog is <em>thick</em>, about ~50% of it.</p><p>Gulls cost $5 or $10.</p>
    <script>track("gulls")</script>]]></content:encoded>
  </item>"""

ELSEVIER_ITEM = """
  <item>
    <title><![CDATA[Lamps for lighthouses of the <em>northern</em> coast]]></title>
    <link>https://www.sciencedirect.com/science/article/pii/S0000000026000017?dgcid=rss_sd_all</link>
    <guid isPermaLink="true">https://www.sciencedirect.com/science/article/pii/S0000000026000017</guid>
    <description><![CDATA[<p>Publication date: May 2026</p><p><b>Source:</b> Lamps, Volume 5</p>
    <p>Author(s): Ada Fern, Bo Li, René Moss</p>]]></description>
  </item>"""

ATYPON_ITEM = """
  <item>
    <title>Echoes of gulls</title>
    <link>https://onlinelibrary.example.org/doi/10.1002/gull.17?af=R</link>
    <dc:creator>
Ada Fern,
Bo Li</dc:creator>
    <description>Gulls, EarlyView. </description>
    <content:encoded>&lt;h2&gt;ABSTRACT&lt;/h2&gt;
&lt;p&gt;Echoes of H&lt;sub&gt;2&lt;/sub&gt;O are counted.&lt;/p&gt;</content:encoded>
    <dc:title>Echoes of gulls</dc:title>
    <dc:identifier>10.1002/gull.17</dc:identifier>
    <prism:doi>10.1002/gull.17</prism:doi>
    <prism:coverDate>2026-04-01</prism:coverDate>
    <pubDate>Sun, 01 Mar 2026 00:00:00 -0800</pubDate>
  </item>"""

ATOM_FEED = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>Fog notes</title><id>https://fog.example.org/</id><updated>2026-03-03T10:00:00Z</updated>
  <link rel="self" href="https://fog.example.org/feed.atom"/>
  <entry>
    <title type="html">Gulls &amp;amp; fog</title>
    <link rel="alternate" href="https://fog.example.org/gulls"/>
    <id>tag:fog.example.org,2026:gulls</id>
    <published>2026-03-02T10:00:00Z</published><updated>2026-03-03T10:00:00Z</updated>
    <author><name>Ada Fern</name></author><author><name>Li Reed</name></author>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Fog hides gulls.</p><p>They wait.</p></div></content>
  </entry>
</feed>
"""
