"""PostgreSQL's stored form of a password, against a known one."""

import base64

from suite.scram import verifier


def test_it_is_the_verifier_that_rfc_7677_computes() -> None:
    """RFC 7677 section 3: user `user`, password `pencil`; the server key signs the exchange that stands there."""
    made = verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert made == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_the_same_password_is_stored_differently_each_time() -> None:
    assert verifier("pencil") != verifier("pencil")
