// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * coverage.c - which of the module's code a message has run, by the kernel's
 * KCOV (Documentation/dev-tools/kcov.rst), and the messages that ran new code.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define AREA_ENTRIES (64UL << 10)

static unsigned long text_address(void)
{
	FILE *file = fopen("/sys/module/osconcepts/sections/.text", "re");
	unsigned long address = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lx", &address) != 1)
		address = 0;
	fclose(file);
	return address;
}

int kcov_open(struct kcov *kcov, atomic_uchar *seen)
{
	kcov->seen = seen;
	kcov->text = text_address();
	kcov->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov->fd < 0)
		return -1;
	if (!kcov->text || ioctl(kcov->fd, KCOV_INIT_TRACE, AREA_ENTRIES))
		goto close_fd;
	kcov->area = mmap(NULL, AREA_ENTRIES * sizeof(*kcov->area),
			  PROT_READ | PROT_WRITE, MAP_SHARED, kcov->fd, 0);
	if (kcov->area != MAP_FAILED)
		return 0;
close_fd:
	close(kcov->fd);
	return -1;
}

int kcov_start(struct kcov *kcov)
{
	return ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC);
}

void kcov_reset(struct kcov *kcov)
{
	__atomic_store_n(&kcov->area[0], 0, __ATOMIC_RELAXED);
}

unsigned int kcov_mark(struct kcov *kcov)
{
	unsigned long count = __atomic_load_n(&kcov->area[0], __ATOMIC_RELAXED);
	unsigned int news = 0;

	for (unsigned long i = 1; i <= count && i < AREA_ENTRIES; i++) {
		unsigned long offset = kcov->area[i] - kcov->text;

		if (offset < COVER_MAX &&
		    !atomic_exchange_explicit(&kcov->seen[offset], 1,
					      memory_order_relaxed))
			news++;
	}
	return news;
}

static int load_one(const char *dir, const char *name, struct message *m)
{
	char path[4096];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, m->bytes, sizeof(m->bytes));
	close(fd);
	m->len = len < 0 ? 0 : (uint32_t)len;
	return len < 0 ? -1 : 0;
}

static int is_message(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

ssize_t corpus_load(const char *dir, struct message **messages)
{
	struct dirent **entries;
	/* In the order of names: what a seed picks must not depend on the disk. */
	int count = scandir(dir, &entries, is_message, alphasort);
	ssize_t loaded = 0;

	*messages = NULL;
	if (count < 0)
		return -1;
	*messages = calloc((size_t)count + 1, sizeof(**messages));
	for (int i = 0; i < count; i++) {
		if (*messages && loaded >= 0)
			loaded = load_one(dir, entries[i]->d_name,
					  &(*messages)[loaded]) ?
					 -1 :
					 loaded + 1;
		free(entries[i]);
	}
	free(entries);
	return *messages ? loaded : -1;
}

int corpus_save(const char *dir, const struct message *m)
{
	char path[4096];
	ssize_t written;
	int fd;

	snprintf(path, sizeof(path), "%s/%016" PRIx64, dir, message_hash(0, m));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	written = write(fd, m->bytes, m->len);
	return close(fd) || written != (ssize_t)m->len ? -1 : 0;
}
