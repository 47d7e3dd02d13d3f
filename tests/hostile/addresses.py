"""The many addresses of this machine: limits count each by itself."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

ADDRESSES = 48


class FromAddress(HTTPAdapter):
    """Connects from one of the many addresses of this machine: limits count each by itself."""

    def __init__(self, number: int) -> None:
        self._address = f"127.66.{number // 250}.{number % 250 + 1}"
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


def session_from(number: int) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", FromAddress(number))
    return session
