#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# coverage.sh NAME…: those tests, and then what the kernel has counted for gcov
# in the module, which outlives it, to $OUT.

cd "$(dirname "$0")/../.." || exit 1
tests/vm/run "$@"
status=$?
find /sys/kernel/debug/gcov -name '*.gcda' -path '*kmod*' | while read -r file; do
	cat "$file" >"$OUT/$(basename "$file")" || exit 1
done
exit $status
