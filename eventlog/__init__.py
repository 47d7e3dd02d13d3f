"""Event sourcing for any service: the log, its feed, projections and reactions. It knows no service."""
