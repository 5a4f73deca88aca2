"""The web pages (signed links instead of passwords), the feeds and the JSON API."""
