"""Policy: what a subject may do. Deny by default.

Owns roles, their assignments and the first administrator; publishes them as events in its log. Needs the logs of
identity (accounts, sessions) and of token (revocations), which it folds into projections of its own: a decision asks
nobody. It never has a password or a signing key.
"""
