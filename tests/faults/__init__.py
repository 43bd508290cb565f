"""Everything that a network and a server can do to a request, each at every kind of request."""
