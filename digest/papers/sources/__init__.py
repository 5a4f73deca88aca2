"""One module per feed or file format; each yields feed items."""
