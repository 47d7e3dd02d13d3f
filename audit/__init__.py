"""What the product is made of, and what is known against it: `make audit`.

Needs the standard library alone. pip-audit and cyclonedx-py run from an environment of their own (.tools/audit).
"""
