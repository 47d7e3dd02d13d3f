"""What is shipped: the three models' policies, and the schema that an organization's additions are appended to."""

from importlib.resources import files

_HERE = files(__package__)

POLICIES = (_HERE / "shipped.cedar").read_text(encoding="utf-8")
SCHEMA = (_HERE / "shipped.cedarschema").read_text(encoding="utf-8")
GIVEN = "type Given = {};\n"
"""What `context.given` holds, where the organization's schema does not say it."""
