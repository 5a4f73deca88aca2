"""Deliveries: who is due, what each reader gets, and the ledger of what was sent."""
