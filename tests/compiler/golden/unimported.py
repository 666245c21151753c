from enum import Enum

from lang import Error, i32, text, u32, u64

if TYPE_CHECKING:
    from lang import cold

ROOM = Bits[u64]


@struct
class Pair:
    left: u64
    right: Array[u64] = array(4)
    next: Ref[u64] | None


class Kind(Enum):
    FILE = auto()


class Device(ABC):
    @abstractmethod
    def read(self) -> u64: ...


@noinline
def generic_and_never_called(items: Span[T]) -> u64:
    return popcount(items[0])


@recursion(3)
def down(n: u64) -> u64:
    @inline
    def step(by: u64) -> u64:
        wide: Annotated[u64, 1] = by
        return wide

    return down(step(n))


def own_names(copy: u64, at: u64) -> u64:
    """Parameters, variables and what patterns bind may have such names."""
    free = copy + at
    try:
        for unset in range(free):
            free += unset
    except Error as panic:
        print(panic)
    match free:
        case 3:
            return 3
        case volatile_load:
            print(volatile_load)
    clz = sum(ctz for ctz in range(u64(3)))
    return clz + any_of(lambda likely: likely + 1)


def any_of(f: Callable[[u64], u64]) -> u64:
    return f(1)


def a_variable_is_no_type() -> u64:
    Mmio = u64(3)
    line = text(8)
    line.write("x")
    wide: Mmio = sizeof(u32)
    return Mmio + wide


def main() -> i32:
    return 0
