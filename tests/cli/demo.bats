#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make demo up to where it boots a guest, and the values of make's variables. What
# it measures is tested by the group `demo`.

bats_require_minimum_version 1.5.0

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return
	# Those of a make that runs these tests are not what is typed here.
	unset SAN V VM KERNEL MAKEFLAGS MAKELEVEL
}

@test "a variable of make with a wrong value is an error that names the right ones" {
	# One that is misspelt is no demo of what was meant; a package's own may be.
	run -0 make -n demo KERNL=6.12
	[[ ${lines[0]} == *"KERNL: there is no such variable here"* ]]
	run -0 make -n all CC=cc CFLAGS=-O1 prefix=/usr DESTDIR=/x BUILD="$PWD/build" V=0 SAN=
	[[ $output != *"no such variable"* ]]
	run -2 make -n demo VM=
	[[ $output == *"VM is empty; try VM=0 or VM=1."* ]]
	run -0 make -n -s test TEST="json-bytes hist"
	[[ ${lines[-1]} == "scripts/test json-bytes hist" ]]
	run -2 make -n demo VM=2
	[[ $output == *"VM=2: there is no such value; try one of: 0 1."* ]]
	run -2 make -n demo VM=yes
	run -2 make -n demo KERNEL=5.10
	[[ $output == *"KERNEL=5.10: there is no such value; try one of: 6.1 6.12."* ]]
	run -2 make -n all V=2
	run -2 make -n all SAN=adress
	[[ $output == *"SAN=adress: there is no such sanitizer; try SAN=address,undefined"* ]]
	run -0 make -n demo
	[[ $output == "scripts/demo --vm"* ]]
	run -0 make -n demo VM=1 V=0 SAN=address,undefined KERNEL=6.12
	[[ $output == "scripts/demo --vm --kernel 6.12" ]]
	run -0 make -n demo VM=0
	[[ $output == "scripts/demo --no-vm"* ]]
}

@test "wrong options of the demo end with 2, before anything is done" {
	run -2 scripts/demo --kernel 5.10
	[[ $output == "demo: --kernel 5.10: there is no such kernel for the demo: 6.1 or 6.12; try '$PWD/scripts/demo --help'" ]]
	run -2 scripts/demo --kernel
	[[ $output == "demo: --kernel: a value is missing: 6.1 or 6.12; try '$PWD/scripts/demo --help'" ]]
	run -2 scripts/demo --no-vm --kernel 6.12
	[[ $output == "demo: --kernel 6.12 is the guest's"* ]]
	run -0 scripts/demo --help
}

# stub FILE…: programs that do nothing, and succeed.
stub()
{
	local file
	for file; do
		mkdir -p "$(dirname "$file")"
		printf '#!/bin/sh\nexit 0\n' >"$file"
		chmod +x "$file"
	done
}

@test "the last lines explain the default models, and no others" {
	local tree=$BATS_TEST_TMPDIR/tree
	stub "$tree"/scripts/{deps,vm,kernel,module} "$tree/build/osconcepts" "$BATS_TEST_TMPDIR/bin/make"
	cp scripts/demo "$tree/scripts"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$tree/scripts/demo"
	[[ $output == *"[1/4] dependencies: installed"*"[4/4] boot a guest"* ]]
	[[ $output == *"fork    one process for each connection"*"voluntary switch "*"minor page fault "* ]]
	[[ $output == *"What this run shows, and what it cannot"*"The CPU is emulated"* ]]
	[[ $output == *"build/osconcepts lesson "*"Results: build/demo/report.html"* ]]
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$tree/scripts/demo" --kernel 6.12
	[[ $output == *"voluntary switch "* ]]
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$tree/scripts/demo" --models poll
	[[ $output == *"Results: build/demo/report.html"* && $output != *"voluntary switch "* ]]
}
