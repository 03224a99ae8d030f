"""API fuzzing of generated services, from their own OpenAPI documents."""
