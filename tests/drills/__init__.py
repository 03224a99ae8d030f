"""Fault drills: generated services as real processes, on real databases, under load and harm."""
