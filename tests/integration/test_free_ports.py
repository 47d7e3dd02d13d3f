"""Tests that run beside one another do not take each other's ports."""

import subprocess
import sys
from pathlib import Path

from tests.harness.ports import free_pair, free_ports


def test_two_processes_never_choose_the_same_port() -> None:
    mine = set(free_ports(400))
    said = subprocess.check_output(
        [sys.executable, "-c", "from tests.harness.ports import free_ports; print(*free_ports(400))"], text=True
    )
    theirs = {int(port) for port in said.split()}
    assert len(mine) == len(theirs) == 400
    assert not mine & theirs


def test_no_outgoing_connection_takes_a_port_that_was_chosen() -> None:
    first, _last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert max(free_ports(400)) < int(first)


def test_a_port_comes_again_only_after_all_others() -> None:
    ports = free_ports(200)
    assert not {free_pair(), *free_ports(100)} & set(ports)
