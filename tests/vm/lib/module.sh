# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module under test. Sourced; functions return 1 after saying what failed.

export BUILD=${BUILD:-build}
OSC_MODULE=${OSC_MODULE:-$BUILD/kmod/$(uname -r)/osconcepts.ko}
export OSC_MODULE

module_is_loaded()
{
	[[ -d /sys/module/osconcepts ]]
}

# module_load [PARAMETER=VALUE…]
module_load()
{
	insmod "$OSC_MODULE" "$@"
}

# A notification or a dump may hold it for a moment, and so do timed faults
# until they are off.
module_unload()
{
	local try
	module_is_loaded || return 0
	echo >/sys/module/osconcepts/parameters/time
	for try in {1..50}; do
		module_is_loaded || return 0
		rmmod osconcepts 2>/tmp/rmmod.err && return 0
		sleep 0.1
	done
	echo "rmmod failed $try times: $(cat /tmp/rmmod.err)" >&2
	return 1
}

# The value of a line of /proc/osconcepts.
proc_value()
{
	awk -v name="$1" '$1 == name { print $2; exit }' /proc/osconcepts
}

# target_field ID FIELD: of the target's line in /proc/osconcepts.
target_field()
{
	sed -n "s/^target $1 .*\\b$2=\\([^ ]*\\).*/\\1/p" /proc/osconcepts
}

# source_field NAME FIELD: of the source's line in /proc/osconcepts.
source_field()
{
	sed -n "s/^source $1 .*\b$2=\([^ ]*\).*/\1/p" /proc/osconcepts
}

# is WANT GOT NAME
is()
{
	[[ $1 == "$2" ]] || echo "# got '$2', want '$1'"
	[[ $1 == "$2" ]]
	tap_result $? "$3"
}

# has PATTERN TEXT NAME
has()
{
	[[ $2 == *"$1"* ]] || echo "# no '$1' in: $2"
	[[ $2 == *"$1"* ]]
	tap_result $? "$3"
}

# reload [PARAMETER=VALUE…]: anew, or the test ends here.
reload()
{
	module_unload && module_load "$@" && return
	tap_result 1 "the module loads with '$*'"
	tap_done
}
