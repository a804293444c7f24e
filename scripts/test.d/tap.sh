# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TAP for the groups of scripts/test. Sourced by each of them from the top of
# the checkout; ends the program with tap_done.

set -uo pipefail
tap_count=0
tap_failed=0

# tap_result STATUS NAME: 77 is a skip, as everywhere in osconcepts.
tap_result()
{
	local status=$1 name=$2
	tap_count=$((tap_count + 1))
	case $status in
	0) printf 'ok %d - %s\n' $tap_count "$name" ;;
	77) printf 'ok %d - %s # SKIP something needed is missing, see the log\n' $tap_count "$name" ;;
	*)
		tap_failed=$((tap_failed + 1))
		printf 'not ok %d - %s\n' $tap_count "$name"
		;;
	esac
}

tap_skip()
{
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' $tap_count "$1" "$2"
}

# tap_run NAME COMMAND…: one test that is a command's exit status. What it
# prints goes to the log.
tap_run()
{
	local name=$1
	shift
	"$@" >&2
	tap_result $? "$name"
}

# tap_suite NAME COMMAND…: a command that prints TAP itself.
tap_suite()
{
	local name=$1
	shift
	printf '    # Subtest: %s\n' "$name"
	"$@" | sed -u 's/^/    /'
	tap_result "${PIPESTATUS[0]}" "$name"
}

# End the program. A group in which nothing was asked for is skipped.
tap_done()
{
	if ((tap_count == 0)); then
		printf '1..0 # SKIP %s\n' "${1:-no test of that name}"
		exit 0
	fi
	printf '1..%d\n' "$tap_count"
	exit $((tap_failed > 0))
}

# selected FILE NAME…: whether FILE is asked for; without a NAME all are.
selected()
{
	local file=${1##*/} name
	shift
	(($# == 0)) && return 0
	for name; do
		[[ $file == *"$name"* ]] && return 0
	done
	return 1
}

# build MAKE-ARGUMENTS…: groups run side by side, make must not.
build()
{
	mkdir -p build/test
	flock build/test/make.lock make --no-print-directory -j"$(nproc)" "$@" >&2
}
