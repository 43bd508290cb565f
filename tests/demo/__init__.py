"""The demo: real annotations of ten people move home into a group dataset."""
