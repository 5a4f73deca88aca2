"""Values that several features share. Pure: no imports from features."""
