"""`digest doctor`: what may keep mails from going out, found before a subscriber finds it.

Each module looks at one thing in two halves: a thin function gathers facts, a pure one (`judge_…`)
turns them into checks. Nothing here changes, fetches or sends anything that lasts.
"""
