"""The service contract as black-box checks over HTTP.

The suite needs only the URL of a running service. Each check states one rule and has the id of a
checklist item.

`core` and `verdicts` define a check and its result, `service` is the service under test, `expect`
has the assertions, `checks/` the rules; `runner` runs them, `report` prints the results, and
`cli.verify` is the entry point.
"""
