#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/vm, scripts/kernel and the cache, as a person uses them. A guest takes
# some 3 seconds, so a test that starts one checks several things. The tests of
# fetching use an apt of our own and touch neither the network nor the cache.

# Commands for the guest expand there.
# shellcheck disable=SC2016
bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	vm=$top/scripts/vm
	kernel=$top/scripts/kernel
	export OUT=$BATS_TEST_TMPDIR/out
	unset OSCONCEPTS_ACCEL
}

# Needs QEMU and a kernel; where they are missing the rest still counts.
need_guest()
{
	"$top/scripts/deps" --check vm >/dev/null 2>&1 || skip "scripts/deps vm"
	"$kernel" image 6.1 >/dev/null || skip "no 6.1 kernel"
}

# The QEMU of the run whose process is $1, once it is there.
qemu_of()
{
	local pid tries
	for ((tries = 0; tries < 200; tries++)); do
		pid=$(pgrep -P "$1" qemu) && echo "$pid" && return
		sleep 0.05
	done
	return 1
}

# wait_for FILE TEXT
wait_for()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		grep -q "$2" "$1" 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

gone()
{
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		[[ -d /proc/$1 ]] || return 0
		sleep 0.05
	done
	return 1
}

@test "wrong usage is told and exits 2" {
	local args
	for args in "" "run" "run --cpus 0 -- true" "run --icount --cpus 2 -- true" \
		"run --kernel nosuch -- true" "run --nosuch -- true" "run --timeout x -- true" "nosuch"; do
		# shellcheck disable=SC2086 # words are meant to split
		run "$vm" $args
		echo "$args: $status $output"
		[ "$status" -eq 2 ]
		[ -n "$output" ]
	done
	run "$vm" --help
	[ "$status" -eq 0 ]
	[[ $output == *"Exit status"* ]]
}

@test "an accelerator that does not exist is refused" {
	OSCONCEPTS_ACCEL=abacus run "$vm" run -- true
	[ "$status" -eq 2 ]
	[[ $output == *abacus* ]]
}

@test "streams, status, environment and files of a command come back" {
	need_guest
	head -c 1048576 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	cat >"$BATS_TEST_TMPDIR/cmd" <<'EOF'
set -e
cat >"$OUT/copy"
cat "$OUT/copy"
{
	id -u; pwd; uname -r; cat /proc/sys/kernel/hostname
	echo "guest=$OSCONCEPTS_GUEST osc=$OSC_SOMETHING two=$TWO ci=$CI secret=${SECRET-}"
	ls -d /sys/kernel/debug/tracing /dev/shm /dev/pts/ptmx
	ping -c1 -q 127.0.0.1 >/dev/null 2>&1 || (exec 3<>/dev/tcp/127.0.0.1/1) 2>&1 | grep -q refused
	echo scratch >"$CHECKOUT/scratch-of-a-guest"
	cat "$CHECKOUT/scratch-of-a-guest"
} >&2
exit 42
EOF
	cd "$BATS_TEST_TMPDIR"
	local rc=0
	CI=yes OSC_SOMETHING=1 SECRET=x "$vm" run --env TWO=2 --env "CHECKOUT=$top" -- bash ./cmd \
		<data >stdout 2>stderr || rc=$?
	cat stderr
	[ "$rc" -eq 42 ]
	cmp data stdout
	cmp data "$OUT/copy"
	local release
	release=$("$kernel" resolve 6.1)
	diff - stderr <<EOF
0
$(pwd -P)
$release
osconcepts
guest=1 osc=1 two=2 ci=yes secret=
/dev/pts/ptmx
/dev/shm
/sys/kernel/debug/tracing
scratch
EOF
	[ ! -e "$top/scratch-of-a-guest" ]
}

@test "6.12 runs too, on two CPUs, and a command's signal is its status" {
	need_guest
	"$kernel" image 6.12 >/dev/null || skip "no 6.12 kernel"
	run "$vm" run --kernel 6.12 --cpus 2 -- bash -c 'uname -r; nproc; kill -TERM $$'
	[ "$status" -eq 143 ]
	[ "${lines[0]}" = "$("$kernel" resolve 6.12)" ]
	[ "${lines[1]}" = 2 ]
}

@test "with --icount the same work takes the same number of instructions" {
	need_guest
	cat >"$BATS_TEST_TMPDIR/work.py" <<'EOF'
import collections, os, time
def round_ns():
    start = time.perf_counter_ns()
    for _ in range(200):
        pass
    return time.perf_counter_ns() - start
def usual():
    return collections.Counter(round_ns() for _ in range(300)).most_common(1)[0][0]
usual()
print(os.cpu_count(), *{usual() for _ in range(5)})
EOF
	run "$vm" run --icount -- /usr/bin/python3 "$BATS_TEST_TMPDIR/work.py"
	echo "$output"
	[ "$status" -eq 0 ]
	# One CPU, and one number in five.
	[[ $output =~ ^1\ [0-9]+$ ]]
}

@test "a command that is not there is 127, one that may not run 126" {
	need_guest
	run -127 "$vm" run -- nosuchcommand
	[ "$status" -eq 127 ]
	[[ $output == *nosuchcommand* ]]
	run "$vm" run -- /etc/passwd
	[ "$status" -eq 126 ]
}

@test "a panic fails the run, prints the report and keeps files and log" {
	need_guest
	run "$vm" run --log "$BATS_TEST_TMPDIR/log" -- \
		sh -c 'echo kept >$OUT/kept; echo c >/proc/sysrq-trigger; sleep 60'
	[ "$status" -eq 123 ]
	[[ $output == *"Kernel panic - not syncing: sysrq triggered crash"* ]]
	[[ $output == *sysrq_handle_crash* ]]
	[ "$(cat "$OUT/kept")" = kept ]
	grep -q sysrq_handle_crash "$BATS_TEST_TMPDIR/log"
}

@test "a warning of the kernel fails a run whose command succeeded" {
	need_guest
	run "$vm" run -- sh -c 'dmesg -n 1; dmesg -n 7
		echo "<4>WARNING: CPU: 0 PID: 1 at kmod/x.c:1 f+0x1/0x2" >/dev/kmsg'
	echo "$output"
	[ "$status" -eq 123 ]
	[[ $output == *"at kmod/x.c:1"* ]]
}

@test "a hang ends at the timeout with the tail of the log and the files" {
	need_guest
	"$kernel" image 6.12 >/dev/null || skip "no 6.12 kernel"
	# 6.12, since it would keep what is written to an open file to itself.
	run "$vm" run --kernel 6.12 --timeout 8 -- \
		sh -c 'exec >$OUT/open; echo kept; echo "<6>nearly there" >/dev/kmsg; sleep 600'
	[ "$status" -eq 124 ]
	[ "$(cat "$OUT/open")" = kept ]
	[[ $output == *"nearly there"* ]]
	run ! pgrep -f "$OUT"
}

@test "a signal reaches the command, a second one ends the machine" {
	need_guest
	cd "$BATS_TEST_TMPDIR"
	"$vm" run -- bash -c 'trap "echo caught; exit 5" INT; echo up; while :; do sleep 0.1; done' >out1 2>&1 &
	local pid=$! rc=0 qemu
	wait_for out1 up
	qemu=$(qemu_of "$pid")
	kill -INT "$pid"
	wait "$pid" || rc=$?
	[ "$rc" -eq 5 ]
	grep -q caught out1
	gone "$qemu"

	"$vm" run -- bash -c 'trap "echo caught" TERM; echo up; while :; do sleep 0.1; done' >out2 2>&1 &
	pid=$!
	wait_for out2 up
	qemu=$(qemu_of "$pid")
	kill -TERM "$pid"
	wait_for out2 caught
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 143 ]
	gone "$qemu"
}

@test "two guests at once do not disturb each other; a killed one leaves no QEMU" {
	need_guest
	cd "$BATS_TEST_TMPDIR"
	"$vm" run --out a -- sh -c 'echo up; sleep 600' >out1 2>&1 &
	local pid=$! qemu
	"$vm" run --out b -- sh -c 'echo b >$OUT/b'
	[ "$(cat b/b)" = b ]
	wait_for out1 up
	qemu=$(qemu_of "$pid")
	kill -KILL "$pid"
	gone "$qemu"
	[ -z "$(ls a)" ]
}

@test "a reader that goes away ends the machine" {
	need_guest
	local rc
	set +e
	"$vm" run -- yes | head -n 1
	rc=("${PIPESTATUS[@]}")
	set -e
	[ "${rc[0]}" -eq 141 ]
}

@test "what is and what is not a complaint of the kernel" {
	# shellcheck disable=SC2016
	run /usr/bin/python3 -B - "$top/scripts/vm.d" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
import report
bad = """BUG: kernel NULL pointer dereference, address: 0000000000000000
Oops: 0002 [#1] PREEMPT SMP NOPTI
general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT
Kernel panic - not syncing: Fatal exception
int3: 0000 [#1] PREEMPT SMP NOPTI
WARNING: CPU: 1 PID: 99 at kernel/x.c:1 f+0x1/0x2 [osconcepts]
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
BUG: KASAN: slab-out-of-bounds in f+0x1/0x2
[ BUG: Invalid wait context ]
BUG: sleeping function called from invalid context at mm/x.c:1
INFO: task osconcepts:12 blocked for more than 120 seconds.
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_sched self-detected stall on CPU
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:1]
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
refcount_t: underflow; use-after-free.
UBSAN: array-index-out-of-bounds in x.c:1:1
list_del corruption. prev->next should be x
BUG: Bad page state in process x""".splitlines()
good = """traps: a.out[99] general protection fault ip:401 sp:7ff error:0 in a.out
a.out[99]: segfault at 0 ip 401 sp 7ff error 4 in a.out
osconcepts: loading out-of-tree module taints kernel.
tsc: Marking TSC unstable due to clocksource watchdog
Spectre V2 : WARNING: Unprivileged eBPF is enabled
kmemleak: Kernel memory leak detector initialized
kernel BUGs are not expected""".splitlines()
import tempfile
def found(line):
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(f"[    1.0] before\n[    1.1] {line}\n")
        f.flush()
        return report.find(f.name)
for line in bad:
    if not found(line) or found(line)[0] != line:
        print("missed:", line)
for line in good:
    if found(line):
        print("no complaint:", line)
EOF
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a shell has the size of the terminal and ends with it" {
	need_guest
	cat >"$BATS_TEST_TMPDIR/type.py" <<'EOF'
import fcntl, os, pty, signal, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "shell", "--", "bash", "--norc", "-i"])
def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
def until(text):
    seen = b""
    while text not in seen:
        seen += os.read(fd, 4096)
size(33, 101)
until(b"# ")
os.write(fd, b"stty size\n")
until(b"33 101")
size(20, 70)
os.write(fd, b"while [ \"$(stty size)\" != '20 70' ]; do sleep 0.1; done; echo res''ized; sleep 600\n")
until(b"resized")
os.write(fd, b"\x03")
until(b"# ")
os.write(fd, b"exit 4\n")
try:
    until(b"\0")
except OSError:     # the terminal is closed
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
	run timeout 60 /usr/bin/python3 "$BATS_TEST_TMPDIR/type.py" "$vm" 3>&-
	echo "$output"
	[ "$status" -eq 4 ]
	run "$vm" shell </dev/null
	[ "$status" -eq 2 ]
}

# --- fetching, with an apt of our own

# In $BATS_TEST_TMPDIR/bin: apt-cache knows 6.1.0-9 and, unless the file "old"
# is there, 6.1.0-10; apt-get does what the file "mode" says.
fake_apt()
{
	fake=$BATS_TEST_TMPDIR
	mkdir -p "$fake/bin" "$fake/deb/DEBIAN"
	local release
	for release in 6.1.0-9-amd64 6.1.0-10-amd64; do
		rm -rf "$fake/deb/boot" "$fake/deb/lib"
		mkdir -p "$fake/deb/boot" "$fake/deb/lib/modules/$release"
		echo "$release" >"$fake/deb/boot/vmlinuz-$release"
		touch "$fake/deb/lib/modules/$release/modules.order" "$fake/deb/lib/modules/$release/modules.builtin"
		printf 'Package: linux-image-%s\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\nDescription: x\n' \
			"$release" >"$fake/deb/DEBIAN/control"
		dpkg-deb -Znone -b "$fake/deb" "$fake/linux-image-$release.deb" >/dev/null
	done
	echo 400 >"$fake/size"
	cat >"$fake/bin/apt-cache" <<EOF
#!/bin/bash
list() {
	echo 6.1.0-9-amd64
	[[ -e $fake/old ]] || echo 6.1.0-10-amd64
	printf '%s\n' 6.1.0-99-cloud-amd64 6.1.0-99-rt-amd64 6.1.0-99-amd64-unsigned
}
case \$1 in
search) list | sed 's/^/linux-image-/' | grep -E "\$3" | sed 's/\$/ - Linux/' ;;
policy) list | grep -qx "\${2#linux-image-}" && printf '%s:\n  Candidate: 1\n' "\$2" ;;
show) printf 'Size: 4096\nInstalled-Size: %s\n' "\$(cat $fake/size)" ;;
esac
EOF
	cat >"$fake/bin/apt-get" <<EOF
#!/bin/bash
spec=\${!#}
[[ \$spec != update ]] || exec rm $fake/mode
case \$(cat $fake/mode 2>/dev/null) in
gone) echo "E: Failed to fetch http://x/y.deb  404  Not Found"; exit 100 ;;
"") cp "$fake/\${spec%%=*}.deb" . ;;
cut) head -c 100 "$fake/\${spec%%=*}.deb" >x.deb; echo "E: Connection failed"; exit 100 ;;
hang) head -c 100 "$fake/\${spec%%=*}.deb" >x.deb; touch $fake/hanging; exec sleep 600 ;;
esac
EOF
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$fake/bin/sudo"
	chmod +x "$fake/bin"/*
	PATH=$fake/bin:$PATH
	export OSCONCEPTS_CACHE=$fake/cache
}

entries()
{
	(cd "$OSCONCEPTS_CACHE" && find . -mindepth 1 -maxdepth 1 -type d | sort)
}

@test "the newest stock release is resolved: not cloud, rt or unsigned" {
	fake_apt
	run "$kernel" resolve 6.1
	[ "$status" -eq 0 ]
	[ "$output" = 6.1.0-10-amd64 ]
	run "$kernel" resolve 9.9
	[ "$status" -eq 77 ]
	[[ $output == *"apt-get update"* ]]
}

@test "a cut download leaves nothing behind and says what to do" {
	fake_apt
	echo cut >"$fake/mode"
	run "$kernel" image 6.1
	[ "$status" -eq 1 ]
	[[ $output == *"Connection failed"* ]]
	[[ $output == *"try:"* ]]
	[ -z "$(entries)" ]
	rm "$fake/mode"
	run "$kernel" image 6.1
	[ "$status" -eq 0 ]
	[ "$(cat "${lines[-1]}/boot/vmlinuz-6.1.0-10-amd64")" = 6.1.0-10-amd64 ]
}

@test "what the mirror has replaced is asked for again after an update" {
	fake_apt
	echo gone >"$fake/mode"
	run "$kernel" image 6.1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"apt-get update"* ]]
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
}

@test "what a killed download left is swept by the next" {
	fake_apt
	echo hang >"$fake/mode"
	setsid "$kernel" image 6.1 3>&- &
	local pid=$! tries
	for ((tries = 0; tries < 200; tries++)); do
		[[ -e $fake/hanging ]] && break
		sleep 0.05
	done
	[ -n "$(entries)" ]
	kill -KILL -- "-$pid"
	rm "$fake/mode"
	# Of another key: the sweep is for all.
	run "$kernel" image 6.1.0-9-amd64
	[ "$status" -eq 0 ]
	[ "$(entries)" = "./image-6.1.0-9-amd64_1" ]
}

@test "with no network the last fetched release is used, by all alike" {
	fake_apt
	touch "$fake/old"
	"$kernel" image 6.1
	rm "$fake/old"
	echo cut >"$fake/mode"
	# As after an apt-get update that learnt of a newer release.
	touch -d '1970-01-02' "$OSCONCEPTS_CACHE/resolved-6.1.note"
	[ "$("$kernel" resolve 6.1)" = 6.1.0-10-amd64 ]
	run "$kernel" image 6.1
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "$OSCONCEPTS_CACHE/image-6.1.0-9-amd64_1" ]
	[ "$("$kernel" resolve 6.1)" = 6.1.0-9-amd64 ]
	[ "$("$kernel" image 6.1)" = "$OSCONCEPTS_CACHE/image-6.1.0-9-amd64_1" ]
}

@test "what cannot fit is refused before it is fetched" {
	fake_apt
	echo 99999999999 >"$fake/size"
	run "$kernel" image 6.1
	[ "$status" -eq 1 ]
	[[ $output == *"MiB are needed"*OSCONCEPTS_CACHE* ]]
	[ -z "$(entries)" ]
}

@test "a disk that fills up leaves nothing behind and is named" {
	[ "$EUID" -eq 0 ] && unshare -m true 2>/dev/null || skip "mounting a small disk needs root"
	fake_apt
	dd if=/dev/urandom of="$fake/deb/boot/vmlinuz-6.1.0-10-amd64" bs=64K count=20 status=none
	dpkg-deb -Znone -b "$fake/deb" "$fake/linux-image-6.1.0-10-amd64.deb" >/dev/null
	mkdir "$OSCONCEPTS_CACHE"
	run unshare -m bash -c "mount -t tmpfs -o size=2m t '$OSCONCEPTS_CACHE' &&
		{ '$kernel' image 6.1; echo rc=\$?; find '$OSCONCEPTS_CACHE' -mindepth 1 -type d; df -k --output=used '$OSCONCEPTS_CACHE'; }"
	echo "$output"
	[[ $output == *"is full"*try:* ]]
	[[ $output == *rc=1* ]]
	[ "${lines[-1]}" -lt 64 ]
}

@test "two fetches at once make one entry" {
	fake_apt
	"$kernel" image 6.1 >"$fake/1" 2>/dev/null &
	local pid=$!
	"$kernel" image 6.1 >"$fake/2"
	wait "$pid"
	cmp "$fake/1" "$fake/2"
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
}

@test "clean keeps the newest of each, clean --all nothing" {
	fake_apt
	"$kernel" image 6.1.0-9-amd64
	touch -d '1 hour ago' "$OSCONCEPTS_CACHE"/image-6.1.0-9-amd64_1
	"$kernel" image 6.1.0-10-amd64
	run "$kernel" clean
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
	run "$kernel" clean --all
	[ -z "$(entries)" ]
}

@test "deps says what is missing, asks nothing in CI and installs just that" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	cat >"$bin/dpkg-query" <<'EOF'
#!/bin/sh
case "$*" in *libmnl-dev) exit 1 ;; esac
printf installed
EOF
	printf '#!/bin/sh\nprintf "%%s:\n  Candidate: 1\n" "$2"\n' >"$bin/apt-cache"
	printf '#!/bin/sh\necho "apt-get $*"\nexit "${FAKE_STATUS:-0}"\n' >"$bin/apt-get"
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$bin/sudo"
	chmod +x "$bin"/*
	PATH=$bin:$PATH run "$top/scripts/deps" --check build
	[ "$status" -eq 77 ]
	[[ $output == *libmnl-dev*"scripts/deps build"* ]]
	[[ $output != *libgsl-dev* ]]
	[ -e /usr/sbin/policy-rc.d ] || [ "$EUID" -eq 0 ] || skip "needs root"
	CI=1 PATH=$bin:$PATH run "$top/scripts/deps" build
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"apt-get"*"install"*" libmnl-dev"* ]]
	# apt knows it already.
	[[ $output != *update* ]]
	FAKE_STATUS=1 CI=1 PATH=$bin:$PATH run "$top/scripts/deps" build
	[ "$status" -eq 1 ]
	[[ $output == *try:* ]]
}

@test "the doctor names what is missing and the command that mends it" {
	fake_apt
	printf '#!/bin/sh\ncase "$*" in *cpio) exit 1 ;; esac\nprintf installed\n' >"$fake/bin/dpkg-query"
	chmod +x "$fake/bin/dpkg-query"
	run "$vm" doctor
	echo "$output"
	[ "$status" -eq 77 ]
	[[ $output == *"missing  packages"*cpio*"scripts/deps vm"* ]]
	[[ $output == *"accelerator: "* ]]
	[[ $output == *"kernel 6.1: 6.1.0-10-amd64, fetched when first needed"* ]]
	[[ $output == *"kernel 6.12: apt knows none; try: "* ]]
	"$kernel" image 6.1
	run "$vm" doctor
	[[ $output == *"kernel 6.1: 6.1.0-10-amd64, in the cache"* ]]
}

@test "every package is listed once per group, with a reason" {
	run "$top/scripts/deps" --list build module vm test kunit report
	[ "$status" -eq 0 ]
	local line
	for line in "${lines[@]}"; do
		[[ $line =~ ^[a-z]+\ +[a-z0-9.+-]+\ +[^\ ].+ ]]
	done
	run "$top/scripts/deps" --check nosuchgroup
	[ "$status" -eq 2 ]
}
