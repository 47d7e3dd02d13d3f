"""What token decides, without I/O: values in, events out. Times are microseconds since 1970 by the log's clock."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
