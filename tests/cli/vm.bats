#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/vm as a person uses it. A guest takes some 3 seconds, so a test that
# starts one checks several things.

# Commands for the guest expand there.
# shellcheck disable=SC2016
bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/wait.bash
source "$BATS_TEST_DIRNAME/lib/wait.bash"
# Far longer than a guest takes to start when nobody disturbs it.
patience_s=120

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
	eventually pgrep -P "$1" qemu
}

# wait_for FILE TEXT
wait_for()
{
	eventually grep -qs "$2" "$1"
}

ended()
{
	[[ ! -d /proc/$1 ]]
}

gone()
{
	eventually ended "$1"
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

@test "with --plugin tests/bench/profile.c counts instructions by task and function" {
	need_guest
	local bench=$BATS_TEST_TMPDIR/build/bench two a b
	make -s -C "$top" BUILD="$BATS_TEST_TMPDIR/build" "$bench/profile.so" "$bench/mark"
	# Two tasks, of a million and of three million rounds of three instructions.
	cat >"$BATS_TEST_TMPDIR/two.c" <<-'END'
		#include <sys/wait.h>
		#include <unistd.h>
		int main(void)
		{
			long rounds = fork() ? 1000000 : 3000000;
			for (int i = 0; i < 4; i++) {
				__asm__ volatile("mov %0,%%rax\n1: nop\ndec %%rax\njnz 1b" : : "r"(rounds / 4) : "rax");
				usleep(1000);
			}
			return wait(0) < 0 && 0;
		}
	END
	two=$BATS_TEST_TMPDIR/two
	cc -O2 -o "$two" "$BATS_TEST_TMPDIR/two.c"
	mkdir "$OUT"
	run "$vm" run --icount --timeout 900 --plugin "$bench/profile.so" -- bash -c \
		"printf '%s\n' '0 1 user' 'ffff800000000000 2 kernel' >\$OUT/symbols; $bench/mark begin; $two; $bench/mark end"
	[ "$status" -eq 0 ]
	# By area, of a user's instructions: the two that executed most.
	read -r b a < <(awk '$1 == "area" && $3 == 1 { print $4 }' "$OUT/counts" | sort -rn | head -n 2 | paste -sd' ')
	echo "$a $b"
	((a >= 3000000 && a < 3300000))
	((b >= 9000000 && b < 9300000))
	grep -q '^symbol [0-9]* kernel [0-9]*$' "$OUT/counts"
	run -2 "$vm" run --plugin "$BATS_TEST_TMPDIR/none" -- true
	[[ $output == *"there is no such file"* ]]
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
	run "$vm" run --kernel 6.12 --timeout 30 -- \
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
osconcepts-vm: kmemleak: the search failed
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
osconcepts-vm: kmemleak is off: no search
osconcepts-vm: kmemleak has searched
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
	run timeout 300 /usr/bin/python3 "$BATS_TEST_TMPDIR/type.py" "$vm" 3>&-
	echo "$output"
	[ "$status" -eq 4 ]
	run "$vm" shell </dev/null
	[ "$status" -eq 2 ]
}
