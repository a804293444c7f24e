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
		[[ $output == *"osconcepts-$command(1)"* ]]
	done
}

# What a person may call in scripts.
scripts()
{
	(cd "$top" && grep -lE '^#!/' scripts/*)
}

@test "every --help ends with the exit status, and is no wider than 80 columns" {
	local last help text
	local -a words
	for help in osconcepts osconceptsd $(commands | sed 's/^/osconcepts:/') $(scripts); do
		IFS=: read -ra words <<<"$help"
		[[ $help != scripts/* ]] || words=("$top/$help")
		text=$(COLUMNS=80 "${words[@]}" --help)
		# Its last paragraph, and of that the first line.
		last=$(awk -v RS= 'END { print }' <<<"$text" | head -n 1)
		! LC_ALL=C.UTF-8 grep -HE --label="$help" '.{81}' <<<"$text" || return 1
		[[ $last == "Exit status:"* ]] || {
			echo "$help --help ends with: $last"
			return 1
		}
	done
}

@test "help COMMAND is COMMAND --help, and help alone is --help" {
	for command in $(commands); do
		run -0 diff <(osconcepts help "$command") \
			<(osconcepts "$command" --help)
	done
	run -0 diff <(osconcepts help) <(osconcepts --help)
	run -2 osconcepts help frobnicate
	run -2 osconcepts help stat watch
}

@test "a near miss of a command, an option or a model is suggested" {
	run -2 osconcepts stats
	[[ $output == *"help stat'" ]]
	run -2 osconcepts comapre
	[[ $output == *"help compare'" ]]
	run -2 osconcepts help tagets
	[[ $output == *"help targets'" ]]
	run -2 osconcepts serve --modle epoll
	[[ $output == *"osconcepts serve: --modle: "*"; try --model"* ]]
	run -2 osconcepts load http://127.0.0.1/ --conections=3
	[[ $output == *"osconcepts load: --conections: "*"; try --connections"* ]]
	run -2 osconceptsd --bakend module
	[[ $output == *"osconceptsd: --bakend: "*"; try --backend"* ]]
	run -2 osconcepts serve --model eopll
	[[ $output == *"try epoll, or "* ]]
	run -2 osconcepts compare --models fork,therad
	[[ $output == *"try thread, or "* ]]
	# What is like nothing has no suggestion.
	run -2 osconcepts frobnicate
	[[ $output == *" --help'" ]]
	run -2 osconcepts serve --frobnicate
	[[ $output != *"; try"* ]]
}

# misspelt WORD: with its second and third letter changed over, or its last doubled.
misspelt()
{
	if [[ ${1:1:1} != "${1:2:1}" && $1 != poll ]]; then # plol is pool, too
		echo "${1:0:1}${1:2:1}${1:1:1}${1:3}"
	else
		echo "$1${1: -1}"
	fi
}

# suggests WORD COMMAND…: it fails, and what to try ends in or goes on behind the word.
suggests()
{
	local word=$1
	shift
	run -2 "$@"
	[[ $output =~ "; try "("'"[^\']*" ")?"$word"($|[\',$'\n']) ]] || {
		echo "$*: $output"
		return 1
	}
}

@test "every command, option and verb that is misspelt is suggested" {
	local command option word
	for command in $(commands); do
		suggests "help $command" osconcepts "$(misspelt "$command")"
		while read -r option; do
			((${#option} > 3)) || continue
			suggests "--$option" osconcepts "$command" "--$(misspelt "$option")"
			suggests "--$option" osconcepts "$command" "-$option"
		done < <(osconcepts "$command" --help | sed -nE 's/^ {2,6}(-[A-Za-z], )? *--([a-z-]+).*/\2/p')
	done
	for word in help version; do
		suggests "--$word" osconcepts "--$(misspelt "$word")"
		suggests "--$word" osconceptsd "--$(misspelt "$word")"
		suggests "--$word" osconceptsd "-$word"
	done
	suggests help osconcepts hlep
	suggests list osconcepts targets lsit
	suggests add osconcepts targets ad 1
	suggests show osconcepts targets shwo 1
	suggests del osconcepts targets delete 1
}

# The lists are those that bash completes; see completion.bats.
@test "every value of a list that is misspelt is suggested" {
	local command option value n=0
	# shellcheck source=/dev/null
	source "$top/Documentation/completion/osconcepts.bash"
	cd "$BATS_TEST_TMPDIR"
	for command in $(commands) osconceptsd; do
		# shellcheck disable=SC2154
		for option in ${_osconcepts_values[$command]-}; do
			[[ $option == --* && $option != --group ]] || continue
			COMP_WORDS=(osconcepts "$command" "$option" '')
			COMP_CWORD=3 COMPREPLY=()
			[[ $command != osconceptsd ]] || {
				COMP_WORDS=(osconceptsd "$option" '')
				COMP_CWORD=2
			}
			_osconcepts
			for value in "${COMPREPLY[@]}"; do
				((${#value} > 3)) && [[ $value =~ ^[a-z_-]+$ && $value != system ]] || continue
				suggests "$value" "${COMP_WORDS[@]:0:COMP_CWORD}" "$(misspelt "$value")"
				n=$((n + 1))
			done
		done
	done
	((n > 60))
	suggests fault osconcepts timings falt=all
	suggests fault=targets osconcepts timings fault=target
	suggests time_slice osconcepts hist --source time_slcie
	suggests slow-url osconcepts lesson slow_url
	suggests "--model epoll" osconcepts serve epoll
	suggests burst:100 osconcepts load http://127.0.0.1/ --arrival burst
	suggests procfs osconcepts stat --source PROCFS
}

@test "an option without its value, or with one that it does not take, is named" {
	run -2 osconcepts stat --pid
	[[ ${lines[0]} == "osconcepts stat: --pid: its value is missing" ]]
	run -2 osconcepts stat -jp
	[[ ${lines[0]} == "osconcepts stat: -p: its value is missing" ]]
	run -2 osconcepts stat --json=yes true
	[[ ${lines[0]} == "osconcepts stat: --json: it takes no value" ]]
	run -2 osconcepts stat -jQ true
	[[ ${lines[0]} == "osconcepts stat: -Q: there is no such option" ]]
	run -2 osconcepts compare --mod close
	[[ ${lines[0]} == "osconcepts compare: --mod: it may be --models or --modes" ]]
	# An abbreviation is taken.
	run -0 osconcepts --vers
	# What belongs to the command that is counted is not looked at.
	run -0 osconcepts stat --backend procfs -- sh -c true -json
}

@test "every error begins with the program's name and its command" {
	for command in $(commands); do
		for wrong in --no-such-option -Q --he=x; do
			run -2 --separate-stderr osconcepts "$command" "$wrong"
			# shellcheck disable=SC2154 # run sets it
			[[ ${stderr_lines[0]} == "osconcepts $command: "* ]] || {
				echo "$command $wrong: ${stderr_lines[0]}"
				return 1
			}
		done
	done
	run -2 --separate-stderr osconceptsd --no-such-option
	[[ ${stderr_lines[0]} == "osconceptsd: "* ]]
}

@test "a script says what is wrong in a line that begins with its name, and ends with 2" {
	local script words
	cd /
	while read -r words; do
		script=${words%% *}
		# shellcheck disable=SC2086
		run -2 "$top/scripts/"$words </dev/null
		[[ ${#lines[@]} == 1 && $output == "$script: "*"; try "* ]] || {
			echo "$words: $output"
			return 1
		}
		[[ $output != *"; try "*"; try "* ]]
		[[ $output != *"; try '"* || -x $(eval "echo $(sed "s/.*; try '//; s/ --help'$//" <<<"$output")") ]]
	done <<-'EOF'
		bench-kmod --reder
		bench-kmod --only pipee
		bench-load --seconds 2x
		bench-load --seconds 1500ms
		bench-servers --rounds none
		bench-profile --frobnicate
		coverage --timeout never
		fuzz-netlink --kernel 6.2
		million --connections 0
		million --seconds 0
		test --only styel
		kernel
		kernel imge 6.1
		kernel image
		kernel image no
		kernel debug --cahced
		kunit --frobnicate
		module
		module --stric 6.1
		deps --chekc
		deps bnech
		vm
		vm rn
		vm run
		vm run --kernl 6.1 -- true
		vm run --timeout 5x -- true
		vm run --mem 1T -- true
		demo --kernel 6.2
		demo --kernel
	EOF
	run -2 "$top/scripts/kernel" imge
	[[ $output == *"; try image" ]]
	run -2 "$top/scripts/test" --only styel
	[[ $output == *"; try style" ]]
	run -2 "$top/scripts/vm" run --tiemout 5
	[[ $output == *"; try --timeout" ]]
}

# pasted OUTPUT: runs what stands between the quotes behind "try", as a person
# who copies it into a shell in another directory.
pasted()
{
	local hint="[Tt]ry ([^']*)'(([^'\\]|\\\\.)+)'"
	[[ $1 =~ $hint ]] || {
		echo "no command to try: $1"
		return 1
	}
	echo "pasted: ${BASH_REMATCH[2]}"
	(cd / && PATH=/usr/bin:/bin bash -c "${BASH_REMATCH[2]}")
}

@test "a hint is a command that can be pasted, from any directory and without PATH" {
	local program dir command
	program=$(command -v osconcepts)
	cd /
	for command in "serve --model no" "stat --bad" "frobnicate" "compare x"; do
		# With it in PATH the name suffices.
		# shellcheck disable=SC2086
		run -2 osconcepts $command
		[[ $output == *"'osconcepts "* ]]
	done
	# Here, and where a person has put it: an installation in a place like that.
	for dir in "" "a b" "it's" 'c$d"e' "ünder"; do
		if [[ $dir ]]; then
			mkdir "$BATS_TEST_TMPDIR/$dir"
			cp "$program" "${program}d" "$BATS_TEST_TMPDIR/$dir"
			program=$BATS_TEST_TMPDIR/$dir/osconcepts
		fi
		for command in "serve --model no" "serve" "stat --bad" "frobnicate" \
			"--verison" "compare x" "compare --models no" "stats" \
			"lesson slow" "lesson" "targets lsit"; do
			# shellcheck disable=SC2086
			PATH=/usr/bin:/bin run "$program" $command
			# A lesson would take a minute.
			output=${output//lesson slow-url/lesson --help}
			run -0 pasted "$output"
			[[ $output != *"pasted: osconcepts"* ]]
		done
		for command in --frobnicate x; do
			PATH=/usr/bin:/bin run -2 "${program}d" "$command"
			run -0 pasted "$output"
		done
	done
}

# Whoever runs a build directory's program has none of this name in PATH.
@test "no hint has the program's bare name" {
	# A text that goes on with the next line is one text.
	cd "$top"
	run -1 bash -c "cat user/*/*.c | tr -d '\n\t' | sed 's/\"\"//g' |
		grep -oE \"(try|see):? *'?osconcepts [a-z]+\""
}

@test "a hint to load the module names a file that is there, or how to build it" {
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded"
	local checkout="$BATS_TEST_TMPDIR/a checkout" program
	mkdir -p "$checkout/build"
	touch "$checkout/Kbuild"
	cp "$(command -v osconcepts)" "$checkout/build"
	cd /
	for program in osconcepts "$checkout/build/osconcepts"; do
		run -77 "$program" sources
		case $output in
		*"; try: sudo modprobe osconcepts") modinfo osconcepts ;;
		*"; try: sudo insmod /"*)
			eval "set -- ${output##*insmod }"
			[[ $# == 1 && -e $1 ]] ;;
		*"; try: make -C /"*" module && sudo insmod /"*)
			output=${output##*make -C }
			eval "set -- ${output%% &&*}"
			[[ -e $1/Kbuild && $2 == module && $# == 2 ]] ;;
		*) [[ $output == *"README.md"* && $program == osconcepts ]] ;;
		esac
	done
}

@test "the older names of --backend are still taken" {
	run -2 osconcepts stat --source magic true
	[[ $output == *"backend 'magic'"* ]]
	run -2 osconceptsd --counters magic
	[[ $output == *"backend 'magic'"* ]]
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
	run -1 bash -c 'mandoc -Tlint -Wall "$0"/*.[1-9] 2>/dev/null |
		grep -v "referenced manual not found"' "$man"
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

# Ql and its like quote all words up to the end of the line.
@test "no man page quotes the words behind what it quotes" {
	run -1 grep -nE '^\.(Pq|Po|Pf .*) (Ql|Sq|Dq|Li|Pa|Cm) [^ ]+ [a-z]+ [a-z]' "$man"/*.[1-9]
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

# Blanks and line feeds as one blank.
in_one_line()
{
	tr -s '[:space:]' ' '
}

@test "what holds on an emulated CPU is said in one sentence, wherever it is said" {
	local note file
	note=$(OSCONCEPTS_EMULATED=1 osconcepts stat true 2>&1 | in_one_line | grep -o 'The CPU is emulated: [^.]*[.]')
	[[ $note == *"counts are exact"*"times"* ]]
	for file in README.md scripts/demo Documentation/man/osconcepts.1 Documentation/man/osconcepts-compare.1; do
		in_one_line <"$top/$file" | grep -qF "$note"
	done
	note=${note#*: }
	note=${note%.}
	for file in Documentation/million.md Documentation/compare.schema.json Documentation/load.schema.json; do
		in_one_line <"$top/$file" | grep -qF "$note"
	done
	! grep -rnE 'mean(s)? nothing|only compare with each other' "$top"/{README.md,Documentation,user/{cli,lib,load,report},scripts} || false
}
