"""The authorization server.

Owns clients, grants, refresh families, signing keys and revocation. Publishes tokens issued and refreshed, detected
reuse, revocations, keys and callers' grants. Needs identity's log (sessions ended, accounts disabled, passwords
changed) and policy's decisions on its administration. Never has a password or a profile.
"""
