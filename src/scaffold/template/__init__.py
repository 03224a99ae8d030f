"""The template: its settings, its questions, the answers, and how it is rendered."""
