# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cache outside the checkout: kernels, headers, sources, initramfs images,
# built test kernels. Sourced, not run.
#
#   source "$(dirname "$0")/cache.sh"
#   dir=$(cache_get KEY BUILDER ARGS…) || exit
#
# cache_get prints the directory of the entry KEY. When there is none, it calls
# BUILDER ARGS… DIR, which fills the empty directory DIR or fails. An entry is
# seen whole or not at all: it is built beside its place under a lock of its
# own, synced to the disk, then renamed. A killed build leaves only KEY.tmp,
# which the next cache_get of any key sweeps away. KEY holds the version of
# what is in it: an entry never changes once it is there.
#
# Functions return 1 after printing what failed, why and what to try.

cache_root()
{
	printf '%s\n' "${OSCONCEPTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/osconcepts}"
}

cache_error()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# cache_ours PATH: nobody but we and root can change what is in this directory.
# With sudo we are also who asked for it. The group may write only where it is
# the own one of the user.
cache_ours()
{
	local uid gid mode
	read -r uid gid mode < <(stat -c '%u %g %a' -- "$1") || return 1
	((uid == EUID || uid == 0 || (EUID == 0 && uid == ${SUDO_UID:-0}))) || return 1
	mode=$((8#$mode))
	(((mode & 8#002) == 0 && ((mode & 8#020) == 0 || gid == uid || gid == $(id -g))))
}

# cache_check ENTRY: refuse one that another user may change, as the kernel that
# is in it would be booted and loaded. A link is judged as such, and refused.
cache_check()
{
	local entry=$1 root
	root=$(cache_root)
	# Where the sticky bit is set, as in /tmp, entries are of their owners.
	if ! cache_ours "$root/." && [[ ! -k $root ]]; then
		cache_error "the cache $root can be changed by other users ($(stat -c '%U, mode %a' -- "$root/."));" \
			"try: chmod go-w $root, or set OSCONCEPTS_CACHE to a directory of your own"
		return 1
	fi
	[[ -e $entry || -L $entry ]] || return 0
	if [[ -L $entry ]] || ! cache_ours "$entry"; then
		cache_error "$entry can be changed by other users ($(stat -c '%F of %U, mode %a' -- "$entry"));" \
			"try: remove it, or set OSCONCEPTS_CACHE to a directory of your own"
		return 1
	fi
}

# Free space of the cache's file system, in KiB.
cache_free_kib()
{
	df --output=avail -k "$(cache_root)" | tail -n 1 | tr -d ' '
}

# cache_need KIB WHAT: refuse to start what cannot fit.
cache_need()
{
	local need=$1 what=$2 free
	free=$(cache_free_kib) || return 1
	((free >= need)) && return 0
	cache_error "$what: $((need / 1024)) MiB are needed in $(cache_root)," \
		"$((free / 1024)) MiB are free; try: make room, or set OSCONCEPTS_CACHE to a directory on a larger disk"
	return 1
}

# Remove what killed builds left. A lock that can be taken has no builder.
cache_sweep()
{
	local root=$1 tmp lock
	for tmp in "$root"/*.tmp; do
		[[ -d $tmp ]] || continue
		exec {lock}>"${tmp%.tmp}.lock" || continue
		flock -n "$lock" && rm -rf "$tmp"
		exec {lock}>&-
	done
}

# Build KEY with its lock held in descriptor $lock.
cache_build()
{
	local root=$1 key=$2
	shift 2
	local tmp=$root/$key.tmp
	rm -rf "$tmp" && mkdir "$tmp" || return 1
	# Unpacking may have set the time of the directory: it is that of the entry.
	if "$@" "$tmp" >&2 && touch "$tmp" && sync -f "$tmp" && mv -T "$tmp" "$root/$key"; then
		return 0
	fi
	if (($(cache_free_kib) < 1024)); then
		cache_error "$key: the disk of $root is full; try: make room," \
			"or set OSCONCEPTS_CACHE to a directory on a larger disk"
	fi
	rm -rf "$tmp"
	return 1
}

cache_get()
{
	local key=$1 root lock rc
	root=$(cache_root)
	if [[ -e $root/$key || -L $root/$key ]]; then
		cache_check "$root/$key" || return 1
		printf '%s\n' "$root/$key"
		return 0
	fi
	if ! mkdir -p "$root" || [[ ! -w $root ]]; then
		cache_error "cannot write the cache $root; try: set OSCONCEPTS_CACHE to a writable directory"
		return 1
	fi
	cache_check "$root/$key" || return 1
	exec {lock}>"$root/$key.lock" || return 1
	if ! flock -n "$lock"; then
		cache_error "$key: another run is making it; waiting"
		flock "$lock" || return 1
	fi
	# The run that held the lock may have made it.
	if [[ ! -d $root/$key ]]; then
		cache_sweep "$root"
		cache_build "$root" "$@"
		rc=$?
	else
		rc=0
	fi
	exec {lock}>&-
	((rc == 0)) && printf '%s\n' "$root/$key"
	return "$rc"
}

# cache_note NAME [TEXT]: a small remembered text; with TEXT replace it at once.
cache_note()
{
	local root tmp
	root=$(cache_root)
	if (($# == 1)); then
		[[ -f $root/$1.note ]] && cache_ours "$root/$1.note" && cat "$root/$1.note"
		return
	fi
	mkdir -p "$root" && tmp=$(mktemp "$root/$1.note.XXXXXX") || return 1
	if printf '%s\n' "$2" >"$tmp" && mv "$tmp" "$root/$1.note"; then
		return 0
	fi
	rm -f "$tmp"
	return 1
}
