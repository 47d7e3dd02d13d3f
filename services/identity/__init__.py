"""Identity: people, how they prove who they are, and their browser sessions.

Owns accounts, passwords and sessions; never a signing key. Publishes what happens to them in its log, which token and
policy follow. Needs token for the first tokens of a session and for revocations, whose log it follows in turn; and
policy for what administrators ask of it.
"""
