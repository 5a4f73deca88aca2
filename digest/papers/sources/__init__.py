"""One module per feed or file format; each yields sightings of papers."""
