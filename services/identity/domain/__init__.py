"""What may happen to accounts, names and sessions: values in, events out; no I/O, no clock, no ids made here."""
