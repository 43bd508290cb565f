"""The command line, as a subprocess, against the fake server."""
