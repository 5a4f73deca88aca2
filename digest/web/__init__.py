"""The web side: pages behind signed links instead of passwords, feeds, and a JSON API."""
