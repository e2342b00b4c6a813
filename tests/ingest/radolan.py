"""Decodes RADOLAN files on its own: radolan.py FILE OUT. FILE is one frame (.gz) or a tar of frames (.tar.bz2). OUT:
for each frame, in the order of names, its cells as 32-bit floats, north first: mm/h, dBZ of RX, NaN without data."""
import gzip
import re
import sys
import tarfile

import numpy as np


def decode(blob):
    end = blob.index(b"\x03")
    head = blob[:end].decode("latin-1")
    rows, columns = (int(n) for n in re.search(r"GP([ \d]{4})x([ \d]{4})", head).groups())
    if head[:2] == "RX":
        raw = np.frombuffer(blob, "u1", offset=end + 1).astype("f4")
        value = np.where(raw >= 249, np.nan, raw / 2 - 32.5)
        value[raw == 0] = -np.inf
    else:
        raw = np.frombuffer(blob, "<u2", offset=end + 1)
        unit = 10.0 ** int(re.search(r"PR E([-+]\d\d)", head).group(1))
        minutes = int(re.search(r"INT *(\d+)", head).group(1))
        value = (raw & 4095) * unit * (60 / minutes)
        value = np.where(raw & 0x4000, -value, value)
        value = np.where(raw & 0xA000, np.nan, value)
    return np.flipud(value.reshape(rows, columns)).astype("<f4")


def frames(path):
    if path.endswith(".gz"):
        with gzip.open(path) as f:
            yield f.read()
        return
    with tarfile.open(path) as tar:
        for name in sorted(tar.getnames()):
            yield tar.extractfile(name).read()


with open(sys.argv[2], "wb") as out:
    for frame in frames(sys.argv[1]):
        out.write(decode(frame).tobytes())
