"""The three services. None imports another."""

import os

# gRPC's own lines would mix with the structured ones; what matters of them is raised, and logged by us.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
