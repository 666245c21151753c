"""Modules that shall satisfy a protocol, and don't."""

import sys
from abc import abstractmethod
from typing import NoReturn, Protocol

from lang import i32, u64


class System(Protocol):
    @abstractmethod
    def exit(self, status: i32) -> NoReturn: ...

    @abstractmethod
    def set_priority(self, priority: u64) -> None: ...


class Leaving(Protocol):
    @abstractmethod
    def exit(self, status: u64) -> NoReturn: ...


given: System = sys
leaving: Leaving = sys


def main() -> i32:
    return 0
