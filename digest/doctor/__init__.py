"""`digest doctor`: finds faults that keep mails from going out, and says what to do about each.

Each module checks one part. An `examine_…` function gathers facts, and pure `judge_…` functions turn them into
checks. Nothing is stored or sent.
"""
