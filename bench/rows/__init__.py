"""The rows of the page: a file for each kind of thing that is measured, and the table of them all in `bench.table`."""
