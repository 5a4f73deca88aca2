"""Mail: words and layout, bytes, and the way to the server."""
