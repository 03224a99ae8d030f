"""Events: stored with the change they tell of, handled by the worker."""
