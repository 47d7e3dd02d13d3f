"""The three services. None imports another."""

import gc
import os
import sys

# gRPC's own lines would mix with the structured ones; what matters of them is raised, and logged by us.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

if sys.argv[0] == "-m":
    # A service is being started. Of the hundred thousand objects that its imports make hardly one is garbage, and
    # looking for some takes a fifth of the time. chassis.process turns it on again.
    gc.disable()
    # structlog takes it where the suite's command brought it, for tracebacks in colour that no service prints: 3 MiB.
    sys.modules["rich"] = None  # type: ignore[assignment]
