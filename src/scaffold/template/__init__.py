"""Reads a template, evaluates its questions, and renders it."""
