#!/usr/bin/env python3
"""Writes BYTES of text that compresses like real text, the same on every run: data.py BYTES FILE."""
import sys

WORDS = ("site shape arm toggle stub arena plan protocol agent host event block ledger call entry "
         "exit unwound thread trace clock tick the a of and in to is that for with").split()


def text(byte_count: int) -> bytes:
    state, parts, length = 2463534242, [], 0
    while length < byte_count:
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        word = WORDS[state % len(WORDS)] if state % 11 else str(state)
        parts.append(word)
        length += len(word) + 1
    return " ".join(parts).encode()[:byte_count]


if __name__ == "__main__":
    with open(sys.argv[2], "wb") as file:
        file.write(text(int(sys.argv[1])))
