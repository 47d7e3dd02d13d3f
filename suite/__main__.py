"""`python -m suite` is `watchword`."""

from suite.cli import app

app()
