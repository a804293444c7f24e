#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# coverage.sh NAME…: those tests, and after each what the kernel has counted for
# gcov in the module so far, to $OUT. The counts outlive the module; a run that
# is ended before its time leaves those of the tests that were done.

cd "$(dirname "$0")/../.." || exit 1

keep_counts()
{
	local file
	find /sys/kernel/debug/gcov -name '*.gcda' -path '*kmod*' | while read -r file; do
		cat "$file" >"$OUT/$(basename "$file")" || return 1
	done
}

status=0
for name; do
	tests/vm/run "$name" || status=1
	keep_counts || exit 1
done
exit $status
