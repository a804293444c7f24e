// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of the guest: loads the modules that the root needs, mounts the host's
 * root read-only under a tmpfs, runs one command and tells the host how it
 * went. Linked statically: it starts from the initramfs, which holds nothing
 * but this program and the modules, and lives on after the root has changed.
 *
 * Reading order: main(), mount_root(), run(), relay().
 */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int port = -1;

/* One line into the kernel's log, hence onto the console, in order. */
static void log_line(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[640]; /* not dprintf: it seeks, which this device refuses */

	if (fd < 0)
		return;
	/* A level that the console shows from the start. */
	snprintf(line, sizeof(line), "<3>%s\n", text);
	if (write(fd, line, strlen(line)) < 0)
		send_frame(WIRE_ERROR, line, strlen(line));
	close(fd);
}

void die(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line(text);
	if (port >= 0)
		send_frame(WIRE_FAILED, text, strlen(text));
	sleep(1); /* the host ends the machine as soon as it has read that */
	reboot(RB_AUTOBOOT); /* -no-reboot: the same as off, but faster */
	_exit(1);
}

static void make_dirs(const char *path)
{
	char part[PATH_MAX];
	size_t i, n = strlen(path);

	if (n >= sizeof(part))
		die("%.64s…: the path is too long", path);
	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			die("mkdir %s: %s", part, strerror(errno));
	}
}

static void mount_at(const char *source, const char *target, const char *type,
		     unsigned long flags, const char *options)
{
	make_dirs(target);
	if (mount(source, target, type, flags, options))
		die("mount %s on %s: %s", type, target, strerror(errno));
}

/* As above, for what this kernel may have been built without. */
static void mount_if_possible(const char *type, const char *target)
{
	if (access(target, F_OK) == 0)
		mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC,
		      NULL);
}

/* /modules/ holds 00-first.ko, 01-next.ko …: the order of their needs. */
static void load_modules(void)
{
	struct dirent **entry;
	char path[PATH_MAX];
	int i, fd, n;

	n = scandir("/modules", &entry, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (entry[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", entry[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("%s: %s", path, strerror(errno));
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			die("load %s: %s", path, strerror(errno));
		close(fd);
	}
}

/* The device node of our port: /dev/vport…, by the name QEMU gave the port. */
static bool find_port(char *node, size_t size)
{
	char path[PATH_MAX], name[64] = "";
	struct dirent *entry;
	bool found = false;
	DIR *dir;
	FILE *f;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) &&
		    !strcmp(name, WIRE_PORT "\n")) {
			snprintf(node, size, "/dev/%s", entry->d_name);
			found = true;
		}
		fclose(f);
	}
	closedir(dir);
	return found;
}

/* The port appears a little after its driver: the host is asked for it. */
static void open_port(void)
{
	char node[PATH_MAX];
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (find_port(node, sizeof(node))) {
			port = open(node, O_RDWR | O_CLOEXEC);
			if (port >= 0)
				return;
		}
		usleep(10000);
	}
	die("no virtio serial port named " WIRE_PORT);
}

/* The host's root under a tmpfs: readable at the same paths, writable here. */
static void mount_root(void)
{
	static const char share[] =
		"trans=virtio,version=9p2000.L,msize=512000,cache=loose";

	mount_at("root", "/lower", "9p", MS_RDONLY, share);
	mount_at("scratch", "/scratch", "tmpfs", 0, "mode=0755,size=75%");
	make_dirs("/scratch/upper");
	make_dirs("/scratch/work");
	mount_at(
		"overlay", "/new", "overlay", 0,
		"lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work");
	mount_at("proc", "/new/proc", "proc", 0, NULL);
	mount_at("sys", "/new/sys", "sysfs", 0, NULL);
	make_dirs("/new/dev");
	if (mount("/dev", "/new/dev", NULL, MS_MOVE, NULL) || chdir("/new") ||
	    mount("/new", "/", NULL, MS_MOVE, NULL) || chroot(".") ||
	    chdir("/"))
		die("change the root: %s", strerror(errno));
}

/* What a program expects to find on a running system. */
static void mount_system(void)
{
	mount_at("devpts", "/dev/pts", "devpts", 0, "mode=0620,gid=5");
	mount_at("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	mount_at("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	make_dirs("/run/lock");
	mount_if_possible("debugfs", "/sys/kernel/debug");
	mount_if_possible("tracefs", "/sys/kernel/tracing");
	mount_if_possible("cgroup2", "/sys/fs/cgroup");
	if (symlink("/proc/self/fd", "/dev/fd") ||
	    symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") ||
	    symlink("/proc/self/fd/2", "/dev/stderr"))
		die("links in /dev: %s", strerror(errno));
}

static void set_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die("loopback up: %s", strerror(errno));
	close(fd);
}

static void set_limits(void)
{
	const struct rlimit files = { .rlim_cur = 65536, .rlim_max = 1 << 20 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit: %s", strerror(errno));
	if (sethostname("osconcepts", strlen("osconcepts")))
		die("sethostname: %s", strerror(errno));
}

static void set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/*
 * The directory whose files come back. 6.12 keeps what is written to an open
 * file in the guest for 30 seconds: too long for a command that hangs, or
 * brings the kernel down.
 */
static void mount_out(const char *out)
{
	mount_at("out", out, "9p", 0,
		 "trans=virtio,version=9p2000.L,msize=512000,cache=mmap");
	set_sysctl("/proc/sys/vm/dirty_writeback_centisecs", "50");
	set_sysctl("/proc/sys/vm/dirty_expire_centisecs", "50");
}

/* modprobe, and the kernel's own calls of it, find the guest's modules. */
static void link_modules(const char *from, const char *to)
{
	if (!*from || access(to, F_OK) == 0)
		return;
	make_dirs("/lib/modules");
	if (symlink(from, to))
		die("link %s: %s", to, strerror(errno));
}

/*
 * A kernel with kmemleak looks for leaks now that everything has been
 * unloaded. It reports only what it has seen twice and is 5 seconds old. It
 * answers EPERM once it is off: by kmemleak=off, or by itself, without memory
 * for its own objects. stack=on, its default, asks whether it still was on at
 * the end of the search.
 */
static void scan_for_leaks(void)
{
	static const char *const orders[] = { "scan", "scan", "stack=on" };
	char text[4096];
	size_t i;
	ssize_t n;
	int fd;

	fd = open("/sys/kernel/debug/kmemleak", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (i == 1)
			sleep(6);
		if (write(fd, orders[i], strlen(orders[i])) > 0)
			continue;
		if (errno == EPERM)
			log_line("osconcepts-vm: kmemleak is off: no search");
		else
			log_line("osconcepts-vm: kmemleak: the search failed");
		close(fd);
		return;
	}
	log_line("osconcepts-vm: kmemleak has searched");
	while ((n = read(fd, text, sizeof(text) - 1)) > 0) {
		text[n] = '\0';
		for (char *line = strtok(text, "\n"); line;
		     line = strtok(NULL, "\n"))
			log_line(line);
	}
	close(fd);
}

static void power_off(const struct command *c, uint32_t status)
{
	sync();
	/* Also writes back what was mapped shared and written. */
	if (umount2(c->out, 0))
		log_line("osconcepts-vm: $OUT is still in use");
	klogctl(8, NULL, 8); /* the command may have silenced the console */
	scan_for_leaks();
	log_line(WIRE_END);
	send_frame(WIRE_EXIT, &status, sizeof(status));
	sleep(10); /* the host has ended the machine by now */
	reboot(RB_AUTOBOOT);
}

int main(void)
{
	struct command command;

	mount_at("dev", "/dev", "devtmpfs", 0, NULL);
	mount_at("proc", "/proc", "proc", 0, NULL);
	mount_at("sys", "/sys", "sysfs", 0, NULL);
	load_modules();
	open_port();
	mount_root();
	mount_system();
	set_up_loopback();
	set_limits();
	send_frame(WIRE_READY, NULL, 0);
	receive_command(&command);
	mount_out(command.out);
	link_modules(command.modules_from, command.modules_to);
	/* From now on everything the kernel says is in the log. */
	klogctl(8, NULL, 8);
	log_line("osconcepts-vm: start");
	power_off(&command, run(&command));
	return 1;
}
