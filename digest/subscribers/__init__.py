"""Subscribers: sign-up, consent, preferences, feedback, profiles, privacy."""
