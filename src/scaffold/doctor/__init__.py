"""Finds what a project needs on this machine and does not have."""
