"""The three services. None imports another."""

import gc
import os
import sys

# gRPC's own lines would mix with the structured ones; what matters of them is raised, and logged by us.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

if sys.argv[0] == "-m":
    # A service is being started, and hardly one of the hundred thousand objects that its imports make is garbage: looking for
    # some takes a fifth of the time. chassis.process turns it on again.
    gc.disable()
