#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bash completion, held against what the programs say of themselves.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	# shellcheck source=/dev/null
	source "$top/Documentation/completion/osconcepts.bash"
}

commands()
{
	osconcepts --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'
}

# complete_line WORD…: what is offered for the last word.
complete_line()
{
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_osconcepts
	printf '%s\n' "${COMPREPLY[@]}" | sort -u
}

# The long options in the help that the words print.
long_options()
{
	"$@" --help |
		sed -nE 's/^ {2,6}(-[A-Za-z], )? *(--[a-z-]+).*/\2/p' | sort -u
}

@test "every command of --help is offered, and none that is not there" {
	run -0 diff <(complete_line osconcepts '' | grep -v '^-') \
		<({ commands; echo help; } | sort)
	run -0 diff <(complete_line osconcepts help '') <(commands | sort)
}

@test "every command offers the options of its --help, and only these" {
	for command in $(commands | grep -vx sweep); do
		run -0 diff <(complete_line osconcepts "$command" --) \
			<(long_options osconcepts "$command")
	done
	run -0 diff <(complete_line osconceptsd --) <(long_options osconceptsd)
}

@test "sweep offers the options of load but for those that its help excludes" {
	local excluded
	excluded=$(osconcepts sweep --help | sed -n '/^Others are/,/\.$/p' |
		grep -oE -- '--[a-z-]+')
	[[ $(wc -w <<<"$excluded") == 7 ]]
	run -0 diff <(complete_line osconcepts sweep --) \
		<(long_options osconcepts load | grep -vxF -e "$excluded")
	[[ -z $(comm -23 <(long_options osconcepts sweep) \
		<(complete_line osconcepts sweep --)) ]]
}

@test "an option that takes a value is followed by one, not by an option" {
	for command in $(commands); do
		while read -r option; do
			[[ -z $(complete_line osconcepts "$command" "$option" --) ]]
		done < <(osconcepts "$command" --help |
			sed -nE 's/^ {2,6}(-[A-Za-z], )? *(--[a-z-]+) '"'?"'[A-Z].*/\2/p')
	done
}

@test "values that are known are offered" {
	[[ $(complete_line osconcepts stat --backend m) == module ]]
	[[ $(complete_line osconcepts serve --model f) == fork ]]
	[[ $(complete_line osconceptsd --backend p) == procfs ]]
	complete_line osconcepts stat -p '' | grep -qx 1
	complete_line osconcepts targets '' | grep -qx add
	[[ $(complete_line osconcepts hist --source fault) == $'fault\nfault_major\nfault_minor' ]]
	[[ $(complete_line osconcepts hist -T off) == off_cpu ]]
	[[ $(complete_line osconcepts timings sch) == sched ]]
	[[ $(complete_line osconcepts timings sched = t) == targets ]]
	[[ $(complete_line osconcepts timings sched =) == $'all\noff\ntargets' ]]
}

@test "the value of an option is completed behind an equals sign, too" {
	[[ $(complete_line osconcepts stat --backend =) == $'auto\nmodule\nprocfs' ]]
	[[ $(complete_line osconcepts stat --backend = m) == module ]]
	[[ $(complete_line osconcepts compare --models = fork,thr) == fork,thread ]]
	[[ $(complete_line osconceptsd --backend = p) == procfs ]]
	[[ $(complete_line osconcepts load --engine = u) == uring ]]
}

# Those of --help in which several words stand for a value.
@test "every option that takes one of a list completes it" {
	[[ $(complete_line osconcepts hist -t sys) == system ]]
	[[ $(complete_line osconcepts hist --source time_) == time_slice ]]
	[[ $(complete_line osconcepts hist --source sched,fault_mi) == sched,fault_minor ]]
	[[ $(complete_line osconcepts load -X HE) == HEAD ]]
	[[ $(complete_line osconcepts sweep --arrival p) == poisson ]]
	[[ $(complete_line osconcepts serve --accept se) == serialised ]]
	[[ $(complete_line osconcepts lesson sl) == slow-url ]]
	[[ $(complete_line osconcepts targets sh) == show ]]
	[[ -z $(complete_line osconcepts load -t '') ]]
	local name
	for name in $(tr -d '\n' <"$top/user/lib/timings.c" | grep -oE '\{ "[a-z_]+",\s+"(from|blocked|preempted|handling)' | grep -oE '[a-z]+(_[a-z]+)+'); do
		complete_line osconcepts hist --source '' | grep -qx "$name"
	done
}

@test "a list goes on behind each comma, without what it has" {
	[[ $(complete_line osconcepts compare --models fork,thr) == fork,thread ]]
	[[ $(complete_line osconcepts compare --models fork,) == *fork,epoll* ]]
	[[ $(complete_line osconcepts compare --models fork,) != *fork,fork$'\n'* ]]
	[[ $(complete_line osconcepts compare --models fork,epoll,ur) == fork,epoll,uring ]]
	[[ $(complete_line osconcepts compare --modes keepalive,) == keepalive,close ]]
	[[ $(complete_line osconcepts compare --keepalive '') == $'no\nyes' ]]
	[[ $(complete_line osconcepts hist --source sched,off) == sched,off_cpu* ]]
	[[ $(complete_line osconcepts hist -T sched,off) == sched,off_cpu ]]
}

@test "the models offered are those of serve --list" {
	run -0 diff <(complete_line osconcepts serve --model '') \
		<(osconcepts serve --list --json | grep -oP '"model": *"\K[^"]*' | sort)
}

@test "a file is completed after --output" {
	touch "$BATS_TEST_TMPDIR/result.json"
	run -0 complete_line osconcepts stat -o "$BATS_TEST_TMPDIR/res"
	[[ $output == "$BATS_TEST_TMPDIR/result.json" ]]
}

@test "behind stat a command is completed" {
	complete_line osconcepts stat mandat
	run -0 complete_line osconcepts stat --json bas
	[[ $'\n'$output$'\n' == *$'\n'bash$'\n'* ]]
}
