"""Measurements that anyone can repeat: `make bench`. What they said here stands in RESULTS.md."""
