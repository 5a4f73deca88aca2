"""Trending papers in your inbox: the product, from feeds to mail.

Layers, top to bottom; each imports only from those below it: the doors (`cli`, `web`), `jobs` and `wiring`, the use
cases (`papers.ingest`, `subscribers`, `delivery`), the edges (`settings`, `store`, `papers.sources`,
`mail.transports`), and the core, which is pure: no input or output, no clock. docs/architecture.md has more.
"""
