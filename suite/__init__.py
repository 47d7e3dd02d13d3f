"""Runs Watchword on one machine, and is the operator's command line. It talks to the services as any operator does:
over gRPC with a certificate. Distribution `watchword-suite`, command `watchword`."""

import os

# Children are started while gRPC runs here: its own handlers at a fork crash the child now and then.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
