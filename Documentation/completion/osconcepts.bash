# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion of osconcepts and osconceptsd for bash. The options of a command
# are a row here; tests/cli/completion.bats holds them against its --help.

declare -gA _osconcepts_options=(
	[stat]='--pid --per-process --per-thread --duration --interval --json --output --backend --help'
	[watch]='--pid --interval --count --json --backend --help'
	[monitor]='--json --help'
	[targets]='--no-follow --json --help'
	[sources]='--json --help'
	[hist]='--target --source --duration --interval --time --json --help'
	[timings]='--json --help'
	[serve]='--model --port --address --workers --min-spare
		--max-spare --accept --max-connections --backlog --cpus --header-timeout --idle-timeout
		--write-timeout --grace --max-header --max-body --account
		--ready-fd --fallback --list --json --quiet --help'
	[load]='--connections --duration --requests --closed --rate --open --arrival --trace --sweep
		--requests-per-connection --pipeline --connect-rate --ramp --src --unix --engine --idle --warmup --timeout
		--threads --cpus --method --body --header --cacert --servername --insecure --expect-status --expect-length
		--slo --weights --json --hdr --series --interval --no-progress --help'
	[compare]='--models --keepalive --modes --connections --work --io
		--duration --requests --runs --path --workers --interval --backend
		--server-cpus --client-cpus --socket --json --resume --html
		--no-progress --help'
	[lesson]='--runs --duration --json --no-progress --help'
	[osconceptsd]='--socket --group --backend --osconcepts --client-fd
		--help --version'
)

# Options whose next word is a value.
declare -gA _osconcepts_values=(
	[stat]='-p --pid -d --duration -I --interval -o --output --backend'
	[watch]='-p --pid -i --interval -n --count --backend'
	[hist]='-t --target --source -d --duration -I --interval -T --time'
	[serve]='-m --model -p --port -a --address -w --workers
		--min-spare --max-spare --accept --max-connections --backlog --cpus --header-timeout
		--idle-timeout --write-timeout --grace --max-header
		--max-body --account --ready-fd'
	[load]='-c --connections -d --duration -n --requests -r --rate --open
		--arrival --trace -k --requests-per-connection -p --pipeline --warmup
		--timeout -t --threads --cpus -X --method -H --header
		--expect-status --expect-length --slo --weights --sweep --connect-rate --ramp --src --unix --hdr
		--body --engine --idle --series --interval --cacert --servername'
	[compare]='--models --keepalive --modes -c --connections --work --io
		-d --duration -n --requests -r --runs --path --workers --interval --backend
		--server-cpus --client-cpus --socket --json --html'
	[lesson]='-r --runs -d --duration'
	[osconceptsd]='--socket --group --backend --osconcepts --client-fd'
)

# As its --help says: those of load, but for these.
_osconcepts_options[sweep]=$(printf '%s\n' ${_osconcepts_options[load]} |
	grep -vxE -- '--(closed|idle|requests|trace|hdr|series|interval)')
_osconcepts_values[sweep]=${_osconcepts_values[load]}

_osconcepts_commands='stat watch monitor targets sources hist timings serve load sweep
	compare lesson'
_osconcepts_models='iterative fork prefork prefork-fdpass thread pool leader
	pool-event select poll epoll epoll-et epoll-multi epoll-shared uring
	epoll-offload prefork-epoll'
_osconcepts_timings='sched off_cpu fault epoll epoll_return'
_osconcepts_histograms='run_queue_wait time_slice off_cpu_voluntary off_cpu_involuntary
	fault_minor fault_major epoll_wake_to_run epoll_wake_to_return'

_osconcepts_targets()
{
	osconcepts targets 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_osconcepts_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Words of a list with commas: those that are not in it yet.
_osconcepts_list()
{
	local before='' word
	[[ $cur != *,* ]] || before=${cur%,*},
	COMPREPLY=()
	for word in $1; do
		[[ ,$before == *,"$word",* || $before$word != "$cur"* ]] ||
			COMPREPLY+=("$before$word")
	done
}

# What may follow the option $1 of the command $2; fails if it takes no value.
_osconcepts_value()
{
	[[ ${_osconcepts_values[$2]-} =~ (^|[[:space:]])"$1"($|[[:space:]]) ]] ||
		return 1
	case $1 in
	-p | --pid)
		[[ $2 != stat && $2 != watch ]] ||
			_osconcepts_words "$(cd /proc && echo [0-9]*)" ;;
	--backend) _osconcepts_words 'auto module procfs' ;;
	-T | --time) _osconcepts_list "$_osconcepts_timings" ;;
	--source) _osconcepts_list "$_osconcepts_timings $_osconcepts_histograms" ;;
	-t | --target)
		[[ $2 != hist ]] || _osconcepts_words "system $(_osconcepts_targets)" ;;
	-m | --model) _osconcepts_words "$_osconcepts_models" ;;
	--models) _osconcepts_list "$_osconcepts_models all all-process all-thread all-event all-hybrid" ;;
	--accept) _osconcepts_words 'shared serialised' ;;
	--modes) _osconcepts_list 'keepalive close' ;;
	--engine) _osconcepts_words 'epoll uring' ;;
	-X | --method) _osconcepts_words 'GET HEAD POST PUT DELETE OPTIONS PATCH' ;;
	--keepalive) _osconcepts_list 'yes no' ;;
	--arrival) _osconcepts_words 'constant poisson burst:' ;;
	--group) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
	-o | --output | --json | --hdr | --series | --trace | --unix | --cacert | --html | --account | --socket | --osconcepts)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null || true ;;
	esac
}

# The words that follow a command and are no options.
_osconcepts_argument()
{
	case $1 in
	stat)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	targets)
		case $prev in
		targets) _osconcepts_words 'list add show del' ;;
		add) _osconcepts_words "$(cd /proc && echo [0-9]*)" ;;
		show | del)
			_osconcepts_words "$(_osconcepts_targets)" ;;
		esac ;;
	timings)
		# Bash takes the equals sign as a word of its own.
		case $prev$cur in
		*=*) cur=${cur#=} _osconcepts_words 'off targets all' ;;
		*) _osconcepts_words "$_osconcepts_timings" ;;
		esac ;;
	help)
		_osconcepts_words "$_osconcepts_commands" ;;
	lesson)
		_osconcepts_words 'slow-url idle-connections' ;;
	load | sweep)
		_osconcepts_words 'http://127.0.0.1:8080/' ;;
	esac
}

# The place of the command that `stat` counts, if it has been typed.
_osconcepts_counted()
{
	local i
	[[ ${COMP_WORDS[1]} == stat ]] || return
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			echo $((i + 1))
			return ;;
		-*)
			[[ " ${_osconcepts_values[stat]} " == \
				*" ${COMP_WORDS[i]} "* ]] && ((i++)) ;;
		*)
			echo "$i"
			return ;;
		esac
	done
}

_osconcepts()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command=osconceptsd counted

	COMPREPLY=()
	# Bash takes the equals sign of --option=value as a word of its own.
	if [[ $cur == '=' && $prev == --* ]]; then
		cur=
	elif [[ $prev == '=' && ${COMP_WORDS[COMP_CWORD - 2]-} == --* ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ ${COMP_WORDS[0]##*/} != osconceptsd ]]; then
		if ((COMP_CWORD == 1)); then
			_osconcepts_words "$_osconcepts_commands help --help --version"
			return
		fi
		command=${COMP_WORDS[1]}
	fi
	# Behind `stat COMMAND` its own completion goes on.
	counted=$(_osconcepts_counted) || counted=
	if [[ $counted ]] && declare -F _command_offset >/dev/null; then
		_command_offset "$counted"
		return
	fi
	_osconcepts_value "$prev" "$command" && return
	if [[ $cur == -* ]]; then
		_osconcepts_words "${_osconcepts_options[$command]-}"
	else
		_osconcepts_argument "$command"
	fi
}

complete -F _osconcepts osconcepts osconceptsd
