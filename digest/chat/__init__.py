"""Posts to chat channels: their text, and the transport that posts it."""
