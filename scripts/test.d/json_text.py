#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds text that goes into JSON by another way than osc_json_text().

jansson takes UTF-8 only, and returns NULL for other bytes, as for a lack of memory.
Names of files, processes and commands, URLs and messages about them are any bytes. So
json_string() and its kin are called in user/lib/output.c alone, and "s" in
json_pack() is for keys and for words that a program holds: a literal, an element of a
table of literals in the same file, a function whose name ends in _name, _word or
_hint. All else is "o" with osc_json_text().
"""

import re
import sys

LITERAL = r'"(?:[^"\\]|\\.)*"'
ALONE = "user/lib/output.c"


def arguments(source, at):
    """Those of the call whose parenthesis is at `at`, as (start, end)."""
    depth, start, found = 0, at + 1, []
    while True:
        quoted = re.compile(LITERAL + r"|'(?:[^'\\]|\\.)*'").match(source, at)
        if quoted:
            at = quoted.end()
            continue
        char = source[at]
        depth += (char in "([{") - (char in ")]}")
        if not depth or (char == "," and depth == 1):
            found.append((start, at))
            start = at + 1
        if not depth:
            return found
        at += 1


def text_values(source, start, end):
    """Of a format: (number of the argument, place of its "s") for each value that is text."""
    number, stack, found = 0, [], []
    places = [at for literal in re.finditer(LITERAL, source[start:end])
              for at in range(start + literal.start() + 1, start + literal.end() - 1)]
    for at in places:
        char = source[at]
        if char in " ,:?*":
            continue
        if char in "{[":
            stack.append([char, 0])
            continue
        if char in "}]":
            stack.pop()
        else:
            is_key = stack and stack[-1][0] == "{" and stack[-1][1] % 2 == 0
            if char == "s" and not is_key:
                found.append((number, at))
            number += char != "n"
        if stack:
            stack[-1][1] += 1
    return found


def is_our_word(argument, source):
    text = " ".join(re.sub(LITERAL, "L", argument).split())
    if re.fullmatch(r"(?:[^?]*\? L : )*L(?: L)*|[A-Z][A-Z0-9_]*", text):
        return True
    if re.fullmatch(r"\w+_(name|word|hint)\(.*\)", text):
        return True
    table = re.fullmatch(r"(\w+)\[.*\]", text)
    return bool(table) and re.search(r"const char \*const " + table[1] + r"\[", source) is not None


def faults(path):
    with open(path, encoding="utf-8") as file:
        source = file.read()
    # Comments away, lines and columns kept.
    source = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.S)
    for call in re.finditer(r"\bjson_(v?pack(?:_ex)?|v?s(?:tringn?(?:_nocheck)?|printf))\s*(\()", source):
        line = source.count("\n", 0, call.start()) + 1
        if call[1] != "pack":
            yield call, line, None, None
            continue
        args = arguments(source, call.start(2))
        for number, at in text_values(source, *args[0]):
            start, end = args[number + 1]
            if not is_our_word(source[start:end], source):
                yield call, line, at, (start, end)


def main():
    status = 0
    for path in sys.argv[1:]:
        if path == ALONE:
            continue
        for call, line, _, argument in faults(path):
            what = "json_" + call[1] + "()"
            if argument:
                what = f'"s" of {what} for {" ".join(call.string[slice(*argument)].split())}'
            print(f"{path}:{line}: {what}: use osc_json_text()")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
