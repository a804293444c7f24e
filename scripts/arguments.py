# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of a script: help of at most 80 columns, which ends with the exit
status, and errors of one line, with what to try."""

import argparse
import difflib
import os
import re
import sys
import textwrap

UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600}


def quoted(path):
    """As a shell takes it, without quotes: a hint has it between quotes."""
    return re.sub(r"([^a-zA-Z0-9/._+@%,:=\x80-\U0010ffff-])", r"\\\1", path)


class Formatter(argparse.HelpFormatter):
    """Paragraphs remain, and a name with a hyphen is a word."""

    def _split_lines(self, text, width):
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text, width, indent):
        paragraphs = (textwrap.fill(part, width) for part in text.strip().split("\n\n"))
        return textwrap.indent("\n\n".join(paragraphs), indent)


class Parser(argparse.ArgumentParser):
    def __init__(self, description, epilog):
        super().__init__(prog=os.path.basename(sys.argv[0]), description=description, epilog=epilog,
                         formatter_class=Formatter)

    def add_argument(self, *names, **about):
        """What may be chosen is in the help, where it can be folded."""
        if about.get("choices") and "metavar" not in about:
            about["metavar"] = names[-1].strip("-").upper()
            about["help"] = f"{about['help']}; one of {', '.join(about['choices'])}"
        return super().add_argument(*names, **about)

    def near(self, message):
        """The option or the value that is like the one that the message names."""
        option = re.match(r"unrecognized arguments: (--[a-z-]+)", message)
        choice = re.match(r"argument (?:.*/)?(--[a-z-]+): invalid choice: '(.*)' \(", message)
        known = []
        if option:
            word, known = option[1], [name for action in self._actions for name in action.option_strings]
        elif choice:
            word = choice[2]
            known = [value for action in self._actions if choice[1] in action.option_strings for value in action.choices]
        return difflib.get_close_matches(word, known, 1) if known else []

    def error(self, message):
        near = self.near(message)
        hint = "" if "; try " in message else f"; try '{quoted(os.path.realpath(sys.argv[0]))} --help'"
        print(f"{self.prog}: {message}{'; try ' + near[0] if near else hint}", file=sys.stderr)
        sys.exit(2)


def seconds(text):
    """A time of more than nothing, as an option's value, in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text)
    value = float(found[1]) * UNITS[found[2]] if found else 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a time above 0; try 10s, 500ms or 2m")
    return int(value) if value == int(value) else value


def whole_seconds(text):
    """The same for other programs that know no part of one."""
    value = seconds(text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"{text} is not of whole seconds; try 3s")
    return value
