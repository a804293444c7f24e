// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - ways to fault. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/pages.h"
#include "../lib/tap.h"
#include "exact.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define PAGE 4096UL
#define PAGES 1000UL
#define HUGE_PAGE (2UL << 20)
#define HUGE_PAGES 4UL
#define COLD_FILE "/bin/bash"
#define COLD_PAGES 250UL

static volatile char *map(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static volatile char *map_pages(size_t pages)
{
	volatile char *memory = pages_map(pages * PAGE);

	exact_check(!memory, "memory");
	return memory;
}

static void touch(volatile char *memory, size_t size, size_t step)
{
	for (size_t at = 0; at < size; at += step)
		memory[at] = 1;
}

static void first_touch(struct work_shared *shared)
{
	volatile char *memory = map_pages(PAGES);

	(void)shared;
	touch(memory, PAGES * PAGE, PAGE);
	munmap((void *)memory, PAGES * PAGE);
}

static void transparent_huge_pages(struct work_shared *shared)
{
	size_t size = (HUGE_PAGES + 1) * HUGE_PAGE;
	volatile char *memory = map(size, 0);

	exact_check(!memory, "memory");
	if (madvise((void *)memory, size, MADV_HUGEPAGE)) {
		atomic_store(&shared->stop, NO_HUGEPAGES);
		return;
	}
	touch(memory, size, PAGE);
	munmap((void *)memory, size);
}

static void hugetlb(struct work_shared *shared)
{
	volatile char *memory;

	if (exact_write("/proc/sys/vm/nr_hugepages", "8"))
		goto unable;
	memory = map(HUGE_PAGES * HUGE_PAGE, MAP_HUGETLB);
	if (!memory)
		goto unable;
	touch(memory, HUGE_PAGES * HUGE_PAGE, HUGE_PAGE);
	munmap((void *)memory, HUGE_PAGES * HUGE_PAGE);
	exact_write("/proc/sys/vm/nr_hugepages", "0");
	return;
unable:
	atomic_store(&shared->stop, NO_HUGEPAGES);
}

static volatile char *inherited;

static void write_inherited(void)
{
	touch(inherited, PAGES * PAGE, PAGE);
}

static void copy_on_write(struct work_shared *shared)
{
	(void)shared;
	inherited = map_pages(PAGES);
	touch(inherited, PAGES * PAGE, PAGE);
	exact_child(write_inherited);
	exact_reap();
	munmap((void *)inherited, PAGES * PAGE);
}

static void read_file(struct work_shared *shared, bool cold)
{
	int fd = open(COLD_FILE, O_RDONLY | O_CLOEXEC);
	volatile char *file;

	(void)shared;
	exact_check(fd < 0, COLD_FILE);
	if (cold) {
		sync();
		exact_check(exact_write("/proc/sys/vm/drop_caches", "1"),
			    "drop_caches");
	}
	file = mmap(NULL, COLD_PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	exact_check(file == MAP_FAILED ||
			    madvise((void *)file, COLD_PAGES * PAGE,
				    MADV_RANDOM),
		    "the file cannot be mapped");
	close(fd);
	for (size_t i = 0; i < COLD_PAGES; i++)
		(void)file[i * PAGE];
	munmap((void *)file, COLD_PAGES * PAGE);
}

static void cold_file(struct work_shared *shared)
{
	read_file(shared, true);
}

static void warm_file(struct work_shared *shared)
{
	read_file(shared, false);
}

static void populate(struct work_shared *shared)
{
	volatile char *memory = map_pages(PAGES);

	(void)shared;
	exact_check(madvise((void *)memory, PAGES * PAGE, MADV_POPULATE_WRITE),
		    "MADV_POPULATE_WRITE");
	touch(memory, PAGES * PAGE, PAGE);
	munmap((void *)memory, PAGES * PAGE);
}

static void open_page(int signal, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);

	(void)signal;
	(void)context;
	if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE))
		_exit(1);
}

/* Each page faults twice: refused, and when the handler has opened it. */
static void segv_handler(struct work_shared *shared)
{
	struct sigaction action = { .sa_sigaction = open_page,
				    .sa_flags = SA_SIGINFO };
	struct sigaction before;
	volatile char *memory = map_pages(PAGES);

	(void)shared;
	sigaction(SIGSEGV, &action, &before);
	exact_check(mprotect((void *)memory, PAGES * PAGE, PROT_NONE),
		    "mprotect");
	touch(memory, PAGES * PAGE, PAGE);
	sigaction(SIGSEGV, &before, NULL);
	munmap((void *)memory, PAGES * PAGE);
}

static void swap(struct work_shared *shared)
{
	volatile char *memory;

	if (!exact_has_swap) {
		atomic_store(&shared->stop, NO_SWAP);
		return;
	}
	memory = map_pages(PAGES);
	touch(memory, PAGES * PAGE, PAGE);
	exact_check(madvise((void *)memory, PAGES * PAGE, MADV_PAGEOUT),
		    "MADV_PAGEOUT");
	touch(memory, PAGES * PAGE, PAGE);
	munmap((void *)memory, PAGES * PAGE);
}

struct uffd {
	int fd;
	char *page;
};

/* Gives each page that is missed, as a migrating machine does. */
static void *give_pages(void *arg)
{
	struct uffd *u = arg;
	struct uffd_msg message;
	struct uffdio_copy copy;

	for (unsigned long i = 0; i < PAGES; i++) {
		if (read(u->fd, &message, sizeof(message)) != sizeof(message))
			break;
		copy = (struct uffdio_copy){
			.dst = message.arg.pagefault.address & ~(PAGE - 1),
			.src = (uintptr_t)u->page,
			.len = PAGE,
		};
		if (ioctl(u->fd, UFFDIO_COPY, &copy))
			break;
	}
	return NULL;
}

static int register_uffd(int fd, volatile char *memory)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)memory, .len = PAGES * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return ioctl(fd, UFFDIO_API, &api) ||
	       ioctl(fd, UFFDIO_REGISTER, &range);
}

static void user_faults(struct work_shared *shared)
{
	static char page[PAGE];
	volatile char *memory = map_pages(PAGES);
	struct uffd u = { .page = page };
	pthread_t thread;

	u.fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (u.fd < 0 || register_uffd(u.fd, memory)) {
		atomic_store(&shared->stop, NO_USERFAULTFD);
		return;
	}
	exact_check((errno = pthread_create(&thread, NULL, give_pages, &u)),
		    "pthread_create");
	for (size_t i = 0; i < PAGES; i++)
		(void)memory[i * PAGE];
	pthread_join(thread, NULL);
	close(u.fd);
	munmap((void *)memory, PAGES * PAGE);
}

const struct workload exact_memory[] = {
	{ "first touch", first_touch, 0, 0 },
	{ "THP", transparent_huge_pages, 0, 0 },
	{ "hugetlb", hugetlb, 0, 0 },
	{ "copy on write", copy_on_write, 0, 1 },
	{ "cold file", cold_file, 0, 0 },
	{ "warm file", warm_file, 0, 0 },
	{ "MADV_POPULATE", populate, 0, 0 },
	{ "SIGSEGV handler", segv_handler, 0, 0 },
	{ "swap", swap, 0, 0 },
	{ "userfaultfd", user_faults, 0, 1 },
	{}
};
