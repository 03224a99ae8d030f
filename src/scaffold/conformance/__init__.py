"""The service contract as black-box checks over HTTP.

The suite knows a running service by its URL alone: what it was built with never matters. Each
check states one rule and carries the id of the checklist item that the rule belongs to.

`core` has the vocabulary, `service` the service under test, `expect` the assertions, `checks/` the
rules, `runner` runs them, `report` tells the outcome; `cli.verify` is all of it behind one call.
"""
