"""The rules of the contract, one module a subject.

Importing this package enters every check, in the order of the imports below. The last but one looks
back over every answer of the run, the last leaves an account and a budget used up.
"""

# isort: off
from scaffold.conformance.checks import (  # noqa: F401  # imported for the checks they enter, in this order
    operations,
    edges,
    bodies,
    errors,
    orders,
    lists,
    conditions,
    idempotency,
    people,
    tokens,
    document,
    afterwards,
    endings,
)
