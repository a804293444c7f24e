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
	page=$BATS_TEST_TMPDIR/x.1
}

# write LINE…: a page of these lines.
write()
{
	printf '%s\n' '.Dd May 1, 2026' '.Dt X 1' '.Os' "$@" >"$page"
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
	write '.Sh DESCRIPTION' '.Dl $ false' '.Sh EXAMPLES' \
		'.Dl $ true' '.Dl $ exit 3 # exit 3' '.Dl $ echo a' '.Dl a'
	run -0 "$examples" "$page"
	[[ ${lines[-1]} == 1..3 ]]
	echo '.Dl b' >>"$page"
	run -1 "$examples" "$page"
	[[ $output == *"not ok 3"*"# wanted:"* ]]
	write '.Sh EXAMPLES' '.Bd -literal -offset indent' '$ false' '.Ed'
	run -1 "$examples" "$page"
}

@test "an example may go on with the next line" {
	write '.Sh EXAMPLES' '.Bd -literal -offset indent' '$ echo a \e' '    b' 'a b' '.Ed'
	run -0 "$examples" "$page"
	[[ $output == *"ok 1 - x.1: echo a b"* && ${lines[-1]} == 1..1 ]]
}

@test "a page without an example is found" {
	write '.Sh EXAMPLES'
	run -1 "$examples" "$page"
	[[ $output == *"not ok 1 - x.1 has an example"* ]]
}

@test "an example that the page wraps is found, though it would run" {
	write '.Sh EXAMPLES' \
		'.Dl $ true with more words than a page of eighty columns has room for in a line'
	run -1 "$examples" "$page"
	[[ $output == *"x.1: no example is wrapped"* ]]
}
