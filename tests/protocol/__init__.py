"""The protocol of one operation, with people and faults at every step of it."""
