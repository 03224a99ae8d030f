"""Asks for the answers that were not given."""
