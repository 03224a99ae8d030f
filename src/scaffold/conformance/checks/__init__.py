"""The rules of the contract, one module for each subject.

Importing this package registers every check, in the order of the imports below. The last but one
module examines all answers of the run; the last one erases an account and uses up a rate limit.
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
