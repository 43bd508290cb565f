"""The product's entry point against real servers."""
