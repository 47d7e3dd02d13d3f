"""Runs Watchword on one machine, and is the operator's command line. It talks to the services as any operator does:
over gRPC with a certificate. Distribution `watchword-suite`, command `watchword`."""
