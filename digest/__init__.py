"""Trending papers in your inbox: the product, from feeds to mail.

The layers, top to bottom, each importing only what stands below it: the doors (`cli`), `wiring`, the
use cases (`papers.ingest`, `subscribers`, `delivery`), the edges (`settings`, `store`, `papers.sources`,
`mail.transports`) and the core, which is pure: no input or output, no clock.
"""
