"""`digest doctor`: finds faults that prevent mails from being sent, and says how to correct each.

Each module checks one part. An `examine_…` function gathers facts, and pure `judge_…` functions turn them into
checks. Nothing is stored or sent.
"""
