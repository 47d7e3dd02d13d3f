"""What keeps the relay from publishing."""


class Trouble(Exception):
    """`code` is stable and for programs; `detail` tells an operator what stands in the way, and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
