"""Test files: facts, and the decisions that are expected of them; checked by the code that decides, nothing running.

`python -m services.policy.testfiles FILE…`; people say `watchword policy test` (docs/policy.md).
"""
