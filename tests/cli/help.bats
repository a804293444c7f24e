#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every command has: help, a man page, one shape of errors.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	man=$top/Documentation/man
}

commands()
{
	osconcepts --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'
}

@test "--help lists at least the eight commands" {
	run -0 commands
	[[ ${#lines[@]} -ge 8 ]]
}

@test "every command has --help on standard output, a usage line first" {
	for command in $(commands); do
		run -0 --separate-stderr osconcepts "$command" --help
		[[ ${lines[0]} == "Usage: osconcepts $command"* ]]
		[[ -z $stderr ]]
		[[ $output == *"Exit status"* || $command == serve ]]
		[[ $output == *"osconcepts-$command(1)"* ]]
	done
}

@test "no line of any help is wider than 80 columns" {
	for command in $(commands); do
		run -1 bash -c "osconcepts $command --help | grep -E '.{81}'"
	done
}

@test "a wrong option is exit 2, points to --help and prints nothing else" {
	for command in $(commands); do
		run -2 --separate-stderr osconcepts "$command" --no-such-option
		[[ -z $output ]]
		[[ $stderr == *"--help"* ]]
	done
}

@test "an unknown command and no command are exit 2" {
	run -2 osconcepts frobnicate
	[[ $output == *"'frobnicate' is not a command; try"* ]]
	run -2 osconcepts
}

@test "--help on a full disk is a failure" {
	run -1 bash -c 'osconcepts --help >/dev/full'
	[[ $output == *"No space left"* ]]
}

@test "every command and the daemon have a man page that names each option" {
	for command in $(commands); do
		page=$man/osconcepts-$command.1
		[[ -e $page ]]
		for option in $(osconcepts "$command" --help |
			sed -nE 's/^ {2,6}(-[A-Za-z], )? *--([a-z-]+).*/\2/p'); do
			grep -qE "^\.It .*(Fl |-)$option( |\$)" "$page" || {
				echo "$page: no --$option"
				return 1
			}
		done
		grep -q "osconcepts-$command 1" "$man/osconcepts.1"
	done
	[[ -e $man/osconceptsd.8 ]]
}

@test "mandoc has nothing to say about the man pages" {
	command -v mandoc >/dev/null || skip "no mandoc; try scripts/deps"
	# Whether other packages' pages are installed here is not the point.
	run -1 bash -c "mandoc -Tlint -Wall $man/*.[1-9] 2>/dev/null |
		grep -v 'referenced manual not found'"
}

# Each word behind Fl gets a hyphen, until the next macro: the first is the option,
# another one may be its second name.
@test "no man page makes an option of a word that is none" {
	run -0 awk '/^\./ {
		flag = 0
		for (i = 1; i <= NF; i++) {
			word = i == 1 ? substr($1, 2) : $i
			if (word ~ /^(Fl|Ar|Cm|Nm|Op|Oo|Oc|Pq|Sq|Dq|Ql|Li|Pa|Xr|No|Ns|It)$/)
				flag = word == "Fl"
			else if (flag && word !~ /^[].,:;()|[]$/ &&
				 flag++ > 1 && word !~ /^(-[a-z-]+|[A-Za-z])$/)
				print FILENAME ":" FNR ": " $0
		}
	}' "$man"/*.[1-9]
	[[ -z $output ]]
}

@test "install and uninstall leave nothing behind, in a place with a blank too" {
	build=${BUILD:-$top/build}
	run -0 make -s -C "$top" BUILD="$build" -o all \
		DESTDIR="$BATS_TEST_TMPDIR/a root" prefix=/usr install
	cd "$BATS_TEST_TMPDIR/a root/usr"
	[[ -x bin/osconcepts && -x bin/osconceptsd ]]
	[[ -e include/linux/osconcepts.h ]]
	[[ -e share/man/man1/osconcepts-stat.1 ]]
	[[ -e share/man/man8/osconceptsd.8 ]]
	[[ -e share/bash-completion/completions/osconcepts ]]
	run -0 bin/osconcepts --version
	run -0 make -s -C "$top" BUILD="$build" \
		DESTDIR="$BATS_TEST_TMPDIR/a root" prefix=/usr uninstall
	run -0 find . ! -type d
	[[ -z $output ]]
}
