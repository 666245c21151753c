from lang import i32


def main() -> i32:
    print("never closed
    return 0
