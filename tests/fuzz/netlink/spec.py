#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""spec.py SPEC: the commands and attributes of a netlink family, as C tables
for the fuzzer (fuzz.h), printed to standard output."""

import re
import sys

import yaml


def upper(*names):
    return "_".join(names).upper().replace("-", "_")


KINDS = {"pad": "KIND_PAD", "u32": "KIND_U32", "u64": "KIND_U64", "string": "KIND_STRING",
         "nest": "KIND_NEST", "binary": "KIND_BINARY", "flag": "KIND_FLAG"}


def words(attribute):
    """What a string may say stands in its documentation."""
    return re.findall(r"[a-z_]{4,}", attribute.get("doc", ""))


def c_strings(strings):
    return "".join(f'"{string}", ' for string in strings)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = yaml.safe_load(file)
    family = spec["name"]
    sets = {s["name"]: s["attributes"] for s in spec["attribute-sets"]}
    print("/* Made by spec.py. */")
    for name, attributes in sets.items():
        for attribute in attributes:
            if words(attribute) and attribute["type"] == "string":
                print(f"static const char *const words_{upper(name, attribute['name'])}[] = "
                      f"{{ {c_strings(words(attribute))}NULL }};")
    for name, attributes in sets.items():
        print(f"static const struct fuzz_attribute set_{upper(name)}[] = {{")
        for attribute in attributes:
            label = upper(name, attribute["name"])
            has_words = words(attribute) and attribute["type"] == "string"
            nested = attribute.get("nested-attributes")
            nested = f"set_{upper(nested)}" if nested else None
            print(f"\t{{ {upper(family, 'a')}_{label}, {KINDS[attribute['type']]}, "
                  f"{'words_' + label if has_words else 'NULL'}, "
                  f"{nested or 'NULL'}, {f'COUNT({nested})' if nested else 0} }},")
        print("};")
    operations = [o for o in spec["operations"]["list"] if "do" in o or "dump" in o]
    for operation in operations:
        wanted = set()
        for kind in ("do", "dump"):
            wanted |= set(operation.get(kind, {}).get("request", {}).get("attributes", []))
        print(f"static const uint16_t request_{upper(operation['name'])}[] = {{ "
              + "".join(f"{upper(family, 'a', operation['attribute-set'], name)}, "
                        for name in sorted(wanted)) + "};")
    print("const struct fuzz_command fuzz_commands[] = {")
    for operation in operations:
        label = upper(operation["name"])
        attributes = f"set_{upper(operation['attribute-set'])}"
        print(f"\t{{ {upper(family, 'cmd')}_{label}, \"{operation['name']}\", "
              f"{attributes}, COUNT({attributes}), request_{label}, COUNT(request_{label}) }},")
    print("};")
    print("const unsigned int fuzz_nr_commands = COUNT(fuzz_commands);")
    print('_Static_assert(COUNT(fuzz_commands) <= COMMANDS_MAX, "the tally has no row for each");')


if __name__ == "__main__":
    main()
