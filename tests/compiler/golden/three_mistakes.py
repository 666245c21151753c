from lang import i32, u32, u64


def total(count: u32) -> u64:
    return count


def main() -> i32:
    wide: u64 = 3
    narrow: u32 = 4
    print(wide + narrow)
    print(totl(narrow))
    return 0
