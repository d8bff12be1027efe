"""A program: reads a memory-mapped file at random places, and says whose bytes it saw.

  mapped_reader.py PATH CONTENTS SEED TIMES

CONTENTS is a folder of files, each a content that PATH may have. For each place one line: the name
of that whose bytes stand there, or "none"."""

import mmap
import pathlib
import random
import sys

_LENGTHS = (16, 4096, 30_000)


def main(path, contents, seed, times):
    known = {entry.name: entry.read_bytes() for entry in pathlib.Path(contents).iterdir()}
    draw = random.Random(int(seed))
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        for _ in range(int(times)):
            offset = draw.randrange(len(view) - max(_LENGTHS))
            end = offset + draw.choice(_LENGTHS)
            data = view[offset:end]
            names = [name for name, content in known.items() if content[offset:end] == data]
            print(names[0] if names else "none", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
