"""Finds the template, its address and its history."""
