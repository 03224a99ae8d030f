"""Runs git, merges three versions of a file, and changes a work tree atomically."""
