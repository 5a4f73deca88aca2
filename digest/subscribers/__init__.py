"""Subscribers: how they sign up, what they prefer, what they tell us."""
