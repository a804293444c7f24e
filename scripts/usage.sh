# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a script says of a wrong command line. Sourced, not run.

# Where the scripts are and this one is, as a shell takes them from any directory.
quoted_scripts=$(printf '%q' "$(cd "$(dirname "${BASH_SOURCE[-1]}")" && pwd -P)")
quoted_script=$quoted_scripts/${BASH_SOURCE[-1]##*/}

# wrong_usage WHAT: ends the script with 2.
wrong_usage()
{
	local hint="; try '$quoted_script --help'"
	[[ $1 != *"; try "* ]] || hint=
	printf '%s: %s%s\n' "${0##*/}" "$1" "$hint" >&2
	exit 2
}

# wrong_word WHAT WORD KNOWN…: the same of a word that is none of those known, one
# of which may be like it. Without Python none is named.
wrong_word()
{
	local what=$1 word=$2 near
	shift 2
	near=$(python3 -c 'import difflib, sys
print(*difflib.get_close_matches(sys.argv[1], sys.argv[2:], 1))' "$word" "$@" 2>/dev/null)
	wrong_usage "$word: there is no such $what${near:+; try $near}"
}

# seconds_of WHAT TEXT: a time in seconds, of 10, 1.5s, 500ms, 2m or 1h.
seconds_of()
{
	local factor
	case $2 in
	*ms) factor=0.001 ;;
	*m) factor=60 ;;
	*h) factor=3600 ;;
	*) factor=1 ;;
	esac
	[[ $2 =~ ^([0-9]+(\.[0-9]+)?)(ms|s|m|h)?$ ]] || wrong_usage "$1 $2: not a time; try 10s, 500ms or 2m"
	LC_ALL=C awk -v n="${BASH_REMATCH[1]}" -v factor="$factor" 'BEGIN { printf "%.10g\n", n * factor }'
}
