#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What targets, sources and monitor say where there is no module. With it they
# are tested in the guest, tests/vm/t-cli.sh.

# $stderr is set by bats.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded"
}

@test "without the module each is exit 77 and says what to try" {
	for command in targets "targets list" "targets add 1" "targets show 1" \
		"targets del 1 2" sources monitor; do
		# shellcheck disable=SC2086
		run -77 --separate-stderr osconcepts $command
		[[ -z $output ]]
		[[ $stderr == *"is not loaded; try: sudo insmod"* ]]
	done
}

@test "wrong numbers are usage errors, before the module is asked" {
	run -2 osconcepts targets add 0
	run -2 osconcepts targets add -- -1
	run -2 osconcepts targets add 1x
	[[ $output == *"pid '1x'"* ]]
	run -2 osconcepts targets del 1 99999999999
	[[ $output == *"target '99999999999'"* ]]
}

@test "a verb that is none, or with too few or many words, shows the usage" {
	for words in frobnicate add "add 1 2" show "show 1 2" del "list 1"; do
		# shellcheck disable=SC2086
		run -2 osconcepts targets $words
		[[ $output == *"Usage: osconcepts targets"* ]]
	done
}
