"""Small made-up answers in the formats of the real feeds."""

import json
from typing import Any
from xml.sax.saxutils import escape

ABSTRACT = (
    "We teach a lighthouse to count gulls. Gulls are many and fog is thick, so the lighthouse learns from "
    "echoes, with 40\\% fewer lamps. Over three winters on four coasts it counts as well as the keepers do, "
    "and it does not fall asleep. The gulls, the echoes and the lamps are available on request."
)


def daily_item(paper_id: str = "2603.00001", **changes: Any) -> dict[str, Any]:
    paper: dict[str, Any] = {
        "id": paper_id,
        "title": f"Counting Gulls {paper_id}",
        "summary": ABSTRACT,
        "authors": [{"name": "Ada Fern", "hidden": False}, {"name": "Hidden Hare", "hidden": True}],
        "publishedAt": "2026-03-01T17:00:00.000Z",
        "submittedOnDailyAt": "2026-03-03T03:55:12.777Z",
        "upvotes": 12,
        "githubRepo": "https://github.com/example/gulls",
        "githubStars": 7,
        "projectPage": "https://gulls.example.org/",
        "ai_keywords": None,
        "unheard_of": {"nested": [1, 2]},
    }
    paper.update(changes)
    return {"paper": paper, "title": paper["title"], "summary": ABSTRACT, "numComments": 3}


def daily_page(*items: dict[str, Any]) -> bytes:
    return json.dumps(list(items), indent=2).encode()


def atom_entry(
    paper_id: str = "2603.00001", kind: str = "new", title: str = "Counting Gulls", abstract: str = ABSTRACT
) -> str:
    return f"""
  <entry>
    <id>oai:arXiv.org:{paper_id}v1</id>
    <title>{escape(title)}</title>
    <updated>2026-03-03T05:00:19.899254+00:00</updated>
    <link href="https://arxiv.org/abs/{paper_id}" rel="alternate" type="text/html"/>
    <summary>arXiv:{paper_id}v1 Announce Type: {kind}
Abstract: {escape(abstract)}</summary>
    <category term="cs.CV"/>
    <category term="cs.AI"/>
    <published>2026-03-03T00:00:00-05:00</published>
    <arxiv:announce_type>{kind}</arxiv:announce_type>
    <dc:creator>Ada Fern, Ren\\'e Moss (Coast Lab, North), Li Reed</dc:creator>
  </entry>"""


def atom_feed(*entries: str, encoding: str = "UTF-8") -> str:
    return f"""<?xml version='1.0' encoding='{encoding}'?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
  <id>http://rss.arxiv.org/atom/cs.AI+cs.CV</id>
  <title>cs.AI+cs.CV updates on arXiv.org</title>
  <updated>2026-03-03T05:00:19.866337+00:00</updated>{"".join(entries)}
</feed>
"""


def rss_feed(*items: tuple[str, str]) -> str:
    entries = "".join(
        f"""
    <item>
      <title>Counting Gulls {paper_id}</title>
      <link>https://arxiv.org/abs/{paper_id}</link>
      <description>arXiv:{paper_id}v1 Announce Type: {kind}
Abstract: {ABSTRACT}</description>
      <guid isPermaLink="false">oai:arXiv.org:{paper_id}v1</guid>
      <category>cs.CV</category>
      <pubDate>Tue, 03 Mar 2026 00:00:00 -0500</pubDate>
      <arxiv:announce_type>{kind}</arxiv:announce_type>
      <dc:creator>Ada Fern, Li Reed</dc:creator>
    </item>"""
        for paper_id, kind in items
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">
  <channel>
    <title>cs.CV updates on arXiv.org</title>
    <pubDate>Tue, 03 Mar 2026 00:00:00 -0500</pubDate>
    <skipDays><day>Sunday</day><day>Saturday</day></skipDays>{entries}
  </channel>
</rss>
"""


def oai_record(
    paper_id: str = "2603.00001",
    *,
    datestamp: str = "2026-03-03",
    created: str = "2026-03-02",
    updated: str = "",
    comments: str = "",
    title: str = "Counting\n  Gulls",
) -> str:
    return f"""
  <record>
    <header>
      <identifier>oai:arXiv.org:{paper_id}</identifier>
      <datestamp>{datestamp}</datestamp>
      <setSpec>cs:cs:CV</setSpec>
    </header>
    <metadata>
      <arXiv xmlns="http://arxiv.org/OAI/arXiv/">
        <id>{paper_id}</id><created>{created}</created>{f"<updated>{updated}</updated>" if updated else ""}
        <authors>
          <author><keyname>Fern</keyname><forenames>Ada</forenames></author>
          <author><keyname>Moss</keyname><forenames>Ren\\'e</forenames><suffix>Jr</suffix>
            <affiliation>Coast Lab</affiliation></author>
        </authors>
        <title>{title}</title><categories>cs.CV cs.AI</categories>
        {f"<comments>{comments}</comments>" if comments else ""}
        <doi>10.1234/gulls</doi>
        <abstract>  We teach a lighthouse
to count gulls.
  The gulls agree.
</abstract>
      </arXiv>
    </metadata>
  </record>"""


OAI_DELETED = """
  <record><header status="deleted"><identifier>oai:arXiv.org:2603.09999</identifier>
    <datestamp>2026-03-03</datestamp></header></record>"""


def oai_list(*records: str, token: str = "") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
<responseDate>2026-03-04T03:00:00Z</responseDate>
<request verb="ListRecords" metadataPrefix="arXiv">http://oaipmh.arxiv.org/oai</request>
<ListRecords>{"".join(records)}
<resumptionToken cursor="0">{token}</resumptionToken>
</ListRecords>
</OAI-PMH>
"""


def oai_error(code: str, words: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-03-04T03:00:00Z</responseDate>
<request>http://oaipmh.arxiv.org/oai</request><error code="{code}">{words}</error></OAI-PMH>
"""


def api_entry(
    paper_id: str = "2603.00001", *, published: str = "2026-03-02T18:00:00Z", comment: str = ""
) -> str:
    return f"""
  <entry>
    <id>http://arxiv.org/abs/{paper_id}v2</id>
    <title>Counting
  Gulls {paper_id}</title>
    <updated>2026-03-09T18:00:00Z</updated>
    <link href="https://arxiv.org/abs/{paper_id}v2" rel="alternate" type="text/html"/>
    <summary>  {ABSTRACT}
</summary>
    <category term="cs.AI" scheme="http://arxiv.org/schemas/atom"/>
    <category term="68T45" scheme="http://arxiv.org/schemas/atom"/>
    <category term="cs.CV" scheme="http://arxiv.org/schemas/atom"/>
    <published>{published}</published>
    <arxiv:comment>{comment or "9 pages"}</arxiv:comment>
    <arxiv:doi>10.1234/gulls</arxiv:doi>
    <arxiv:primary_category term="cs.CV"/>
    <author><name>Ada Fern</name></author>
    <author><name>Ren\\'e Moss</name></author>
  </entry>"""


def api_page(*entries: str, total: int | None = None) -> str:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"
      xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/x</id>
  <title>arXiv Query: search_query=cat:cs.CV</title>
  <updated>2026-03-04T00:00:00Z</updated>
  <opensearch:itemsPerPage>{len(entries)}</opensearch:itemsPerPage>
  <opensearch:totalResults>{len(entries) if total is None else total}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>{"".join(entries)}
</feed>
"""


API_ERROR = api_page(
    """
  <entry>
    <id>https://arxiv.org/api/errors#incorrect_id_format_for_gull</id>
    <title>Error</title>
    <summary>incorrect id format for gull</summary>
    <author><name>arXiv api core</name></author>
  </entry>"""
)

ENTITY_BOMB = """<?xml version="1.0"?>
<!DOCTYPE feed [
 <!ENTITY a "gull gull gull gull gull gull gull gull gull gull">
 <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
 <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
 <!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
 <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
 <!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">
 <!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">
]>
<feed><entry><id>http://arxiv.org/abs/2603.00001</id><title>&g;</title></entry></feed>
"""

EXTERNAL_ENTITY = """<?xml version="1.0"?>
<!DOCTYPE feed [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<feed><entry><id>http://arxiv.org/abs/2603.00001</id><title>&secret;</title></entry></feed>
"""

WEB_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>We will be back soon</title></head><body><p>Maintenance&nbsp;work<br></body></html>
"""
