"""Campaigns of faults from a printed seed: against a whole suite, against its parts, and races for refresh tokens.

`python -m tests.fault.campaign --help` says how to run them.
"""
