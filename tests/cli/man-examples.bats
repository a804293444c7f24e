#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The examples of the man pages run, page by page, and end as the page says.
# Those that need the module run in the guest: tests/vm/t-cli.sh.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	examples=$top/tests/cli/man-examples
}

@test "the examples of every page run" {
	command -v jq >/dev/null || skip "no jq; try scripts/deps"
	run "$examples"
	# Which one, and what it printed: all that is left of a failure elsewhere.
	((status == 0)) || printf '%s\n' "$output"
	((status == 0))
	[[ $output == *"ok 1 "* ]]
}

@test "an example with another exit status or output is found" {
	page=$BATS_TEST_TMPDIR/x.1
	printf '%s\n' '.Sh DESCRIPTION' '.Dl $ false' '.Sh EXAMPLES' \
		'.Dl $ true' '.Dl $ exit 3 # exit 3' '.Dl $ echo a' '.Dl a' >"$page"
	run -0 "$examples" "$page"
	[[ ${lines[-1]} == 1..3 ]]
	echo '.Dl b' >>"$page"
	run -1 "$examples" "$page"
	[[ $output == *"not ok 3"*"# wanted:"* ]]
	printf '%s\n' '.Sh EXAMPLES' '.Bd -literal' '$ false' '.Ed' >"$page"
	run -1 "$examples" "$page"
}

@test "an example may go on with the next line" {
	page=$BATS_TEST_TMPDIR/x.1
	printf '%s\n' '.Sh EXAMPLES' '.Bd -literal' '$ echo a \e' '    b' 'a b' '.Ed' >"$page"
	run -0 "$examples" "$page"
	[[ $output == *"ok 1 - x.1: echo a b"* && ${lines[-1]} == 1..1 ]]
}

@test "a page without an example is found" {
	echo '.Sh EXAMPLES' >"$BATS_TEST_TMPDIR/x.1"
	run -1 "$examples" "$BATS_TEST_TMPDIR/x.1"
	[[ $output == *"not ok 1 - x.1 has an example"* ]]
}
