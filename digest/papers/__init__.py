"""Papers: feeds, identifiers, calendar, storing and searching."""
