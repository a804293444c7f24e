// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/program.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define NAME "osconcepts"
#define QUOTED_MAX OSC_QUOTED_SIZE(PATH_MAX)

static char program[QUOTED_MAX], daemon_program[QUOTED_MAX];
static char load_module[3 * QUOTED_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The directory of the running program; false where it cannot be told. */
static bool own_directory(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/*
 * By backslashes, not in quotes: a hint puts its command in quotes, and a person
 * copies what is between them.
 */
void osc_program_quote(const char *path, char *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+@%,:=";

	for (; *path; path++) {
		if (*path == '\n') {
			out = stpcpy(out, "$'\\n'");
			continue;
		}
		/* Letters beyond ASCII are several bytes, none of which is special. */
		if (!strchr(plain, *path) && !((unsigned char)*path & 0x80))
			*out++ = '\\';
		*out++ = *path;
	}
	*out = '\0';
}

/* The file that a shell would run for the name. */
static bool by_path(const char *name, struct stat *out)
{
	const char *dirs = getenv("PATH");
	char path[PATH_MAX];

	while (dirs && *dirs) {
		int length = (int)strcspn(dirs, ":");
		int n = snprintf(path, sizeof(path), "%.*s/%s", length, dirs,
				 name);

		if (length && n > 0 && (size_t)n < sizeof(path) &&
		    !access(path, X_OK) && !stat(path, out))
			return true;
		dirs += length + (dirs[length] == ':');
	}
	return false;
}

/* How a shell finds the program of that name beside this one. */
static void find_program(const char *name, char *out)
{
	char path[PATH_MAX];
	struct stat beside, found;

	strcpy(out, name);
	osc_program_beside(name, path, sizeof(path));
	if (stat(path, &beside))
		return;
	if (by_path(name, &found) && found.st_dev == beside.st_dev &&
	    found.st_ino == beside.st_ino)
		return;
	osc_program_quote(path, out);
}

/* Whether depmod knows the module. */
static bool is_installed(const char *release)
{
	char path[PATH_MAX], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, "/" NAME ".ko");
	fclose(f);
	return found;
}

/*
 * The checkout of a build directory, which is in it or one further below; dir is
 * cut to it. False: it is an installation's.
 */
static bool find_checkout(char *dir)
{
	char path[PATH_MAX];

	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(dir, '/');

		if (!slash)
			return false;
		*slash = '\0';
		snprintf(path, sizeof(path), "%s/Kbuild", dir);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

static void find_module(void)
{
	char dir[PATH_MAX - 300], path[PATH_MAX];
	char module[QUOTED_MAX], top[QUOTED_MAX];
	struct utsname u;

	strcpy(load_module, "building it: README.md of its source says how");
	if (uname(&u))
		return;
	if (is_installed(u.release)) {
		strcpy(load_module, "sudo modprobe " NAME);
		return;
	}
	if (!own_directory(dir, sizeof(dir)) || !find_checkout(dir))
		return;
	snprintf(path, sizeof(path), "%s/build/kmod/%s/" NAME ".ko", dir,
		 u.release);
	osc_program_quote(path, module);
	osc_program_quote(dir, top);
	if (access(path, F_OK))
		snprintf(load_module, sizeof(load_module),
			 "make -C %s module && sudo insmod %s", top, module);
	else
		snprintf(load_module, sizeof(load_module), "sudo insmod %s",
			 module);
}

static void find(void)
{
	find_program(NAME, program);
	find_program(NAME "d", daemon_program);
	find_module();
}

const char *osc_program(void)
{
	pthread_once(&once, find);
	return program;
}

const char *osc_program_daemon(void)
{
	pthread_once(&once, find);
	return daemon_program;
}

const char *osc_program_load_module(void)
{
	pthread_once(&once, find);
	return load_module;
}

void osc_program_beside(const char *name, char *path, size_t size)
{
	size_t length;

	if (own_directory(path, size)) {
		length = strlen(path);
		if (length + 1 + strlen(name) < size) {
			sprintf(path + length, "/%s", name);
			if (!access(path, X_OK))
				return;
		}
	}
	snprintf(path, size, "%s", name);
}
