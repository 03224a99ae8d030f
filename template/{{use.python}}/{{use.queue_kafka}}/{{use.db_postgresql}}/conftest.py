"""Loaded before all tests. The threads of Kafka's consumers end while tests run."""

from tests.threads import keep_greenlets

keep_greenlets()
