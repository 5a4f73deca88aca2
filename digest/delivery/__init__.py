"""Deliveries: who is due, what each subscriber gets, and the ledger of what was sent."""
