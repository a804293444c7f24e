// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The work of which scripts/bench-kmod counts the instructions, in a guest
 * whose time stamp counter ticks once an instruction:
 *
 *	cost WORKLOAD	prints its PID, then for each line "N" of its input the
 *			median of N rounds, until the input ends
 *	cost crowd N	N sleeping processes, made targets one by one when a
 *			line "add" comes; "dump" and "proc" print the ticks
 *			that reading them all takes, by netlink and from
 *			/proc/PID/status
 *
 * A round is timed by itself, so that timer ticks fall out of the median.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "lib/nl.h"
#include "lib/pages.h"
#include "lib/sleeper.h"
#include "lib/work.h"

#define MAX_ROUNDS 20000
#define PRIORITY 10
#define PAGE 4096

static uint64_t times[MAX_ROUNDS];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- workloads: start() once, then round() as often as asked */

struct workload {
	const char *name;
	void (*start)(void);
	void (*run)(void);
	/* Around a batch. */
	void (*before)(void);
	void (*after)(void);
	/* With what allocators have at hand: the shortest round is the work. */
	bool varies;
};

/* The other side of a ping-pong: a child that answers until we are gone. */
static void start_peer(void (*answer)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		answer();
}

static int there[2], back[2];

static void open_pipes(void)
{
	if (pipe(there) || pipe(back))
		die("pipe");
}

/* Both of one priority: each yield is a switch, as long as there are two. */
static volatile bool *yielding;

static void yield(void)
{
	sched_yield();
}

static void answer_yield(void)
{
	char byte;

	if (read(there[0], &byte, 1) != 1)
		_exit(1);
	while (*yielding)
		sched_yield();
}

static void start_yield(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("mmap");
	yielding = page;
	open_pipes();
	start_peer(answer_yield);
}

/* Outside of a batch the peer sleeps, or nothing else would ever run. */
static void before_yield(void)
{
	*yielding = true;
	if (write(there[1], "y", 1) != 1)
		die("pipe");
	sched_yield();
}

static void after_yield(void)
{
	*yielding = false;
	sched_yield();
}

static void answer_pipe(void)
{
	char byte;

	if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
		_exit(1);
}

static void start_pipe(void)
{
	open_pipes();
	start_peer(answer_pipe);
}

static void run_pipe(void)
{
	char byte = 'p';

	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		die("pipe");
}

static char *pages;
static size_t next_page;

static void map_pages(void)
{
	if (pages)
		munmap(pages, (size_t)MAX_ROUNDS * PAGE);
	pages = pages_map((size_t)MAX_ROUNDS * PAGE);
	if (!pages)
		die("pages");
	next_page = 0;
}

static void run_fault(void)
{
	((volatile char *)pages)[next_page++ * PAGE] = 1;
}

static int events[2], epolls[2];

static void open_epoll(int i)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	events[i] = eventfd(0, 0);
	epolls[i] = epoll_create1(0);
	if (events[i] < 0 || epolls[i] < 0 ||
	    epoll_ctl(epolls[i], EPOLL_CTL_ADD, events[i], &want))
		die("epoll");
}

/* So that the target counts it: who registers before is nobody's. */
static void register_again(int i)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	if (epoll_ctl(epolls[i], EPOLL_CTL_DEL, events[i], NULL) ||
	    epoll_ctl(epolls[i], EPOLL_CTL_ADD, events[i], &want))
		die("epoll_ctl");
}

static void signal_event(int i)
{
	const uint64_t one = 1;

	if (write(events[i], &one, sizeof(one)) != sizeof(one))
		die("eventfd");
}

static void wait_event(int i)
{
	struct epoll_event event;

	if (epoll_wait(epolls[i], &event, 1, -1) != 1)
		die("epoll_wait");
}

static void start_callback(void)
{
	open_epoll(0);
}

static void before_callback(void)
{
	register_again(0);
}

/* The event is ready before it is waited for: a callback and no wakeup. */
static void run_callback(void)
{
	signal_event(0);
	wait_event(0);
}

static void *answer_epoll(void *arg)
{
	for (;;) {
		wait_event(0);
		signal_event(1);
	}
	return arg;
}

static void start_epoll(void)
{
	pthread_t thread;

	open_epoll(0);
	open_epoll(1);
	/* Under our priority: neither preempts the other. */
	if (pthread_create(&thread, NULL, answer_epoll, NULL))
		die("pthread_create");
}

static void before_epoll(void)
{
	register_again(0);
	register_again(1);
}

/* Two callbacks, two wakeups of a blocked waiter, two switches. */
static void run_epoll(void)
{
	signal_event(0);
	wait_event(1);
}

static in_port_t server_port; /* network order */
static int connection = -1;

/* Our own server, one loop; it ends with us. */
static void start_server(void)
{
	const char *build = getenv("BUILD");
	char program[4096], port[8];
	int ready[2];
	ssize_t len;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/osconcepts",
		 build ? build : "build");
	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* As ours: it sleeps before we run, whoever woke whom. */
		work_schedule(0, PRIORITY);
		dup2(ready[1], STDERR_FILENO + 1);
		execl(program, program, "serve", "--quiet", "--model", "epoll",
		      "--port", "0", "--ready-fd", "3", NULL);
		die(program);
	}
	close(ready[1]);
	len = read(ready[0], port, sizeof(port) - 1);
	if (len <= 0)
		die("the server does not start");
	port[len] = '\0';
	server_port = htons((uint16_t)strtoul(port, NULL, 10));
}

/* The server registers what it accepts, as with the events above. */
static void connect_again(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = server_port,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};

	if (connection >= 0)
		close(connection);
	connection = socket(AF_INET, SOCK_STREAM, 0);
	if (connection < 0 ||
	    connect(connection, (void *)&address, sizeof(address)))
		die("connect");
}

/* Client and server sleep by turns: two switches and all that TCP does. */
static void run_request(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: cost\r\n\r\n";
	char answer[4096];

	if (write(connection, request, sizeof(request) - 1) !=
		    sizeof(request) - 1 ||
	    read(connection, answer, sizeof(answer)) <= 0)
		die("a request");
}

static void nothing(void)
{
}

static void run_fork(void)
{
	/* Without a copy of the address space, which differs by thousands. */
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void run_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_at_once, NULL) ||
	    pthread_join(thread, NULL))
		die("pthread_create");
}

static const struct workload workloads[] = {
	{ "yield", start_yield, yield, before_yield, after_yield, false },
	{ "pipe", start_pipe, run_pipe, nothing, nothing, false },
	{ "fault", nothing, run_fault, map_pages, nothing, false },
	{ "callback", start_callback, run_callback, before_callback, nothing,
	  false },
	{ "epoll", start_epoll, run_epoll, before_epoll, nothing, false },
	{ "request", start_server, run_request, connect_again, nothing, false },
	{ "fork", nothing, run_fork, nothing, nothing, true },
	{ "thread", nothing, run_thread, nothing, nothing, true },
};
#define NR_WORKLOADS (sizeof(workloads) / sizeof(*workloads))

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t measure(const struct workload *w, size_t rounds)
{
	uint64_t start;

	w->before();
	for (size_t i = 0; i < rounds; i++) {
		start = __rdtsc();
		w->run();
		times[i] = __rdtsc() - start;
	}
	w->after();
	qsort(times, rounds, sizeof(*times), by_value);
	return times[w->varies ? 0 : rounds / 2];
}

static int run(const struct workload *w)
{
	unsigned long rounds;

	/* Their faults are not the work's. */
	memset(times, 0, sizeof(times));
	work_schedule(0, PRIORITY);
	w->start();
	printf("%d\n", getpid());
	fflush(stdout);
	while (scanf("%lu", &rounds) == 1) {
		if (!rounds || rounds > MAX_ROUNDS)
			return 2;
		printf("%" PRIu64 "\n", measure(w, rounds));
		fflush(stdout);
	}
	return 0;
}

/* --- many targets */

struct crowd {
	struct nl nl;
	pid_t *pids;
	size_t count;
};

static void start_crowd(struct crowd *c)
{
	for (size_t i = 0; i < c->count; i++)
		c->pids[i] = sleeper_start();
}

static void add_all(struct crowd *c)
{
	struct target target;
	int rc;

	for (size_t i = 0; i < c->count; i++) {
		rc = nl_target_add(&c->nl, c->pids[i],
				   OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW, &target);
		if (rc) {
			errno = -rc;
			die("a target cannot be added");
		}
	}
}

static uint64_t read_by_netlink(struct crowd *c)
{
	uint64_t start = __rdtsc();
	int count = nl_targets(&c->nl, NULL, 0);

	if (count != (int)c->count)
		die("a dump lacks targets");
	return __rdtsc() - start;
}

static uint64_t read_from_proc(struct crowd *c)
{
	uint64_t start = __rdtsc();
	char path[32], text[4096];

	for (size_t i = 0; i < c->count; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/status", c->pids[i]);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
			die(path);
		close(fd);
	}
	return __rdtsc() - start;
}

static void obey(struct crowd *c, const char *order)
{
	uint64_t ticks = 0;

	if (!strcmp(order, "add"))
		add_all(c);
	else if (!strcmp(order, "dump"))
		ticks = read_by_netlink(c);
	else if (!strcmp(order, "proc"))
		ticks = read_from_proc(c);
	else if (!strcmp(order, "open"))
		nl_open(&c->nl);
	else if (!strcmp(order, "close"))
		nl_close(&c->nl);
	printf("%" PRIu64 "\n", ticks);
	fflush(stdout);
}

static int crowd(size_t count)
{
	struct crowd c = { .count = count };
	char order[16];

	c.pids = calloc(count, sizeof(*c.pids));
	if (!c.pids)
		die("calloc");
	start_crowd(&c);
	printf("%d\n", getpid());
	fflush(stdout);
	while (scanf("%15s", order) == 1)
		obey(&c, order);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < NR_WORKLOADS; i++) {
		if (!strcmp(argv[1], workloads[i].name))
			return run(&workloads[i]);
	}
	if (argc == 3 && !strcmp(argv[1], "crowd"))
		return crowd(strtoul(argv[2], NULL, 10));
	fprintf(stderr, "Usage: cost WORKLOAD | crowd N\n");
	return 2;
}
