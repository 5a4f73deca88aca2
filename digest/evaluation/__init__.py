"""How good the ranking is, measured on reading lists and topics."""
