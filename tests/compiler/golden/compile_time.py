from lang import i32, u32, u64, Atomic, array, Errno, Error, new, i64, addr_of
seen: u64 = 0
n = Atomic[u64](3)
def reads() -> u64:
    return seen
def sets() -> None:
    global seen
    seen = 1
def atom() -> u64:
    return n.load()
def raises(k: u64) -> u64:
    if k > 3:
        raise Error(Errno.EINVAL, "x")
    return k
def deep(k: u64) -> u64:
    return deep(k + 1) + 1
def forever() -> u64:
    k: u64 = 0
    while True:
        k += 1
def prints(k: u64) -> u64:
    print(k)
    return k
def over(k: u64) -> u64:
    a = array(4, u64)
    return a[k]
def overflow(k: i64) -> i64:
    return k + 1
def addr(k: u64) -> u64:
    a = array(4, u64)
    return addr_of(a)
def heap() -> u64:
    return len(new(array(3, u64)))
A = reads()
B = atom()
C = raises(5)
C2 = raises(2)
D = deep(1)
F = prints(1)
G = over(9)
H = overflow(9223372036854775807)
I = addr(1)
J = heap()
T = tuple(k for k in range(u32(4)))
def main() -> i32:
    T[0] = 4
    return 0
