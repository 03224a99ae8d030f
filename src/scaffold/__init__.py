"""Generates backend services that are ready for production on the first day."""
