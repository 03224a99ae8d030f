"""Finds what this machine lacks for a project."""
