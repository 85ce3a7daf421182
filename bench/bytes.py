"""Writes what Magika reads of files on this machine: python bytes.py FOLDER

FOLDER/train.npz and FOLDER/test.npz have "bytes", int32 [N,2048]: the first and the last 1,024 bytes of a file without surrounding whitespace, 256 where it is shorter.
Its labels are not known: a student is compared with its teacher.
"""

import pathlib
import random
import sys

import numpy as np

HALF, PADDING, MOST = 1024, 256, 4000
ROOTS = ["/usr/lib", "/usr/share", "/usr/include", "/usr/local/go/src", "/etc", "/usr/bin"]


def tokens(data):
    begin, end = data[: 4 * HALF].lstrip()[:HALF], data[-4 * HALF :].rstrip()[-HALF:]
    row = np.full(2 * HALF, PADDING, np.int32)
    row[: len(begin)] = np.frombuffer(begin, np.uint8)
    row[2 * HALF - len(end) :] = np.frombuffer(end, np.uint8)
    return row


def main(folder):
    random.seed(0)
    kinds = {}
    for root in ROOTS:
        for path in pathlib.Path(root).rglob("*"):
            if path.is_file() and not path.is_symlink() and 16 <= path.stat().st_size < 1 << 22:
                kinds.setdefault(path.suffix, []).append(path)
    files = []
    for paths in kinds.values():  # no kind of file has most of them
        files += random.sample(paths, min(len(paths), 150))
    random.shuffle(files)
    rows = np.stack([tokens(path.read_bytes()) for path in files[:MOST]])
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    split = len(rows) * 4 // 5
    np.savez(pathlib.Path(folder, "train.npz"), bytes=rows[:split])
    np.savez(pathlib.Path(folder, "test.npz"), bytes=rows[split:])
    print(len(rows), "files of", len(kinds), "kinds")


if __name__ == "__main__":
    main(sys.argv[1])
