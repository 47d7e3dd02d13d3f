"""Identity's outside: the hasher, counters, tables and peers."""
