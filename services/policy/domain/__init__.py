"""What policy knows and decides: values in, events or a decision out. No I/O, no clock, no ids made.

`entities` names things, `roles` holds the facts and how they change, `standing` says whether a subject may act at all,
`grants` what its roles permit, and `decision` puts the two together. A richer model takes the place of `grants`; the
rest stays.
"""
