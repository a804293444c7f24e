#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hdr.py FILE TAG: the slots of a histogram in a log of HdrHistogram, as JSON:
[[slot, count]...]. Written from the format's description, and apart from our own
encoder."""

import base64
import json
import struct
import sys
import zlib


def numbers(data):
    """ZigZag LEB128 of 64 bits in at most 9 bytes."""
    at = 0
    while at < len(data):
        value = shift = 0
        for i in range(9):
            byte = data[at]
            at += 1
            if i == 8:
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield (value >> 1) ^ -(value & 1)


def main():
    with open(sys.argv[1], encoding="ascii") as f:
        lines = f.read().splitlines()
    assert lines[0] == "#[Histogram log format version 1.3]", lines[0]
    [line] = [l for l in lines if l.startswith(f"Tag={sys.argv[2]},")]
    data = base64.b64decode(line.split(",")[4], validate=True)
    cookie, length = struct.unpack(">II", data[:8])
    assert cookie == 0x1C849314 and length == len(data) - 8, (hex(cookie), length)
    plain = zlib.decompress(data[8:])
    cookie, payload, offset, digits, lowest, highest, ratio = struct.unpack(">IIIIQQd", plain[:40])
    assert (cookie, offset, digits, lowest, ratio) == (0x1C849313, 0, 2, 1, 1.0)
    assert payload == len(plain) - 40 and highest >= 2
    slots, at = [], 0
    for n in numbers(plain[40:]):
        if n < 0:
            at -= n
        else:
            slots.append([at, n])
            at += 1
    print(json.dumps(slots, separators=(",", ":")))


if __name__ == "__main__":
    main()
