"""The edge to the server: what is taken for an answer, what is tried again, and how long is waited."""
