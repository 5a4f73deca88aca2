"""Conversion and formatting of text."""
