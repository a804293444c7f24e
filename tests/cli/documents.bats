#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What README.md and the other documents tell a person to type: it is pasted as it
# stands, from the top of the checkout. man-examples.bats does it for the man pages.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	cd "$top" || return
	servers=()
	# "build/osconcepts" is the program that is tested.
	mkdir -p "$BATS_TEST_TMPDIR/here"
	# shellcheck disable=SC2154 # serve.bash sets it
	ln -sfn "$(dirname "$(realpath "$osconcepts")")" "$BATS_TEST_TMPDIR/here/build"
}

teardown()
{
	end_servers
	[[ -z ${daemon:-} ]] || kill "$daemon" 2>/dev/null || true
}

# The commands of README.md: a line of four blanks that begins with a program, and
# goes on with the next behind a backslash. What begins otherwise is output.
commands()
{
	sed -e ':more' -e '/\\$/{' -e N -e 's/ *\\\n */ /' -e 'b more' -e '}' README.md |
		sed -nE 's/^    ((sudo|make|cat|build|scripts)[ \/].*)/\1/p'
}

# paste COMMAND: runs it in a directory where build is that of the tests.
paste()
{
	(cd "$BATS_TEST_TMPDIR/here" && timeout -k 5 90 bash -c "$1" </dev/null)
}

# without_comment TEXT
without_comment()
{
	local text=${1%%# *}
	echo "${text%"${text##*[^ ]}"}"
}

@test "every command of README.md runs as it stands, or is known to need more than is here" {
	local command n=0
	while read -r command; do
		n=$((n + 1))
		echo "$command"
		case $(without_comment "$command") in
		"make demo" | "make test" | "make && make module")
			run -0 make -n -s BUILD=build "$(without_comment "${command##*make }")" ;;
		"sudo apt-get install linux-headers-"* | "sudo insmod build/kmod/"* | \
			"sudo rmmod osconcepts" | "sudo bpftrace "*) ;; # tests/vm/t-load.sh and others
		"cat /proc/osconcepts")
			[[ -e /proc/osconcepts ]] || continue
			run -0 paste "$command" ;;
		"sudo build/osconcepts "*)
			run paste "${command#sudo }"
			((status == 0 || status == 77)) ;;
		"build/osconcepts watch")
			run -0 paste "timeout --preserve-status -s INT 2 $command" ;;
		"build/osconcepts lesson "[a-z]*)
			# A minute each: lesson.bats runs them.
			paste "build/osconcepts lesson" |
				grep -q "^$(without_comment "${command##*lesson }") " ;;
		"build/osconcepts serve "*"&")
			(($(nproc) > 1)) || continue
			start uring --cpus 1 --fallback
			[[ $command == "build/osconcepts serve --model uring --cpus 1 &" ]] ;;
		"build/osconcepts load "* | "build/osconcepts sweep "*)
			[[ $command == *" http://127.0.0.1:8080/ "* ]]
			(($(nproc) > 1)) || continue
			run paste "${command/http:\/\/127.0.0.1:8080/$url}"
			# On a busy machine a gate is breached or a result not valid.
			((status == 0 || status == 3 || status == 4)) ;;
		*) run -0 paste "$command" ;;
		esac
	done < <(commands)
	((n > 15))
}

@test "the commands of the documents fit a page of 80 columns" {
	run -1 bash -c "LC_ALL=C.UTF-8 grep -nE '^    (sudo|make|cat|build|scripts)[ /]' README.md tests/README.md |
		sed 's/^[^:]*:[0-9]*://' | LC_ALL=C.UTF-8 grep -E '.{81}'"
}

@test "make help fits 80 columns" {
	run -1 bash -c "make -s help | grep -E '.{81}'"
}

@test "what the documents name is there: targets of make, scripts, files" {
	local word file
	for file in README.md Documentation/*.md Documentation/abi/*.md tests/README.md; do
		while read -r word; do
			make -n "$word" >/dev/null 2>&1 || grep -qE "^$word:" Makefile || {
				echo "$file: make $word"
				return 1
			}
		done < <(grep -oE '(`|^    )make [a-z][a-z-]*' "$file" | awk '{ print $NF }' | sort -u)
		while read -r word; do
			[[ -x $word ]] || {
				echo "$file: $word"
				return 1
			}
		done < <(grep -oE '(`|^    )scripts/[a-z-]+' "$file" | tr -d '` ' | sort -u)
		while read -r word; do
			[[ -e ${file%/*}/$word || ($file != */* && -e $word) ]] || {
				echo "$file: a link to $word"
				return 1
			}
		done < <(grep -oE '\]\([^)#:]+\)' "$file" | sed 's/^](//; s/)$//' | sort -u)
	done
}

@test "the requests that the documents show are answered" {
	local line
	"$(dirname "$osconcepts")/osconceptsd" --socket "$BATS_TEST_TMPDIR/control.sock" --backend procfs 2>/dev/null 3>&- &
	daemon=$!
	eventually test -S "$BATS_TEST_TMPDIR/control.sock"
	while read -r line; do
		run -0 /usr/bin/python3 "$BATS_TEST_DIRNAME/lib/control_client.py" "$BATS_TEST_TMPDIR/control.sock" ask "$line"
		[[ $(jq -r .ok <<<"${lines[0]}") == true ]] || {
			echo "$line: $output"
			return 1
		}
	done < <(sed -nE 's/^    (\{"op": "hello".*)/\1/p' Documentation/control-protocol.md)
}
