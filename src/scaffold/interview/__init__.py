"""The interview: asks for the answers that were not given."""
