"""Other people's programs that these tests run: where they are, and what installs them."""

import os
import shutil
from pathlib import Path

FETCHED = Path(__file__).parents[2] / ".tools" / "oidc"
NODE = FETCHED / "node" / "bin" / "node"
ENVOY = FETCHED / "envoy"
MODULES = FETCHED / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
REQUIRED = "WATCHWORD_REQUIRE_IMAGE"
"""Set to 1 (.ci/run does), what cannot run is an error."""


def program(name: str) -> str | None:
    """Where a program is, if it is there."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def no_node() -> str | None:
    """Why openid-client cannot run here; None where it can."""
    return None if (MODULES / "openid-client").exists() else "openid-client not found: make tools"


def no_envoy() -> str | None:
    """Why Envoy cannot run here; None where it can."""
    return None if ENVOY.exists() else "Envoy not found: make tools"


def no_apache() -> str | None:
    """Why Apache cannot run here; None where it can."""
    found = program("apache2") and (APACHE_MODULES / "mod_auth_openidc.so").exists()
    return None if found else "not found: apt-get install apache2-bin libapache2-mod-auth-openidc"


def no_chromium() -> str | None:
    """Why no browser of people's can run here; None where it can."""
    return "not found: apt-get install chromium" if program("chromium") is None else None


def no_browser() -> str | None:
    """The same where pages are looked at with axe."""
    return no_chromium() or (None if AXE.exists() else "axe not found: make tools")


NEEDS = {
    "test_openid_client.py": no_node,
    "test_envoy.py": no_envoy,
    "test_apache.py": no_apache,
    "test_chromium.py": no_browser,
    "test_chromium_devices.py": no_browser,
    "test_chromium_logos.py": no_browser,
    "test_chromium_signs_out.py": no_chromium,
}


def missing() -> dict[str, str]:
    """The files of tests that cannot run here, each with the reason."""
    return {name: reason for name, why_not in NEEDS.items() if (reason := why_not()) is not None}
