"""The generated service beside a bare FastAPI app: `python -m benchmarks.service`."""
