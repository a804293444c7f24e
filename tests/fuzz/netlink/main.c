// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - fuzz-netlink: sends messages to the module and reports. Runs in the
 * guest, with the module loaded; scripts/fuzz-netlink starts it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/osconcepts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../vm/lib/nl.h"
#include "fuzz.h"

#define PROGRESS_S 5

struct options {
	uint64_t messages;
	uint64_t seed;
	const char *corpus_dir;
	const char *keep_dir;
	const char *cover_file;
};

static const char usage[] =
	"Usage: fuzz-netlink [OPTIONS]\n"
	"\n"
	"Sends messages to the module as root, as nobody and from namespaces,\n"
	"while others read /proc/osconcepts.\n"
	"\n"
	"  -n, --messages N   in all (100000)\n"
	"  -s, --seed S       a seed replays a run (1)\n"
	"      --corpus DIR   change these messages too\n"
	"      --keep DIR     keep there the messages that run new code\n"
	"      --cover FILE   write the offsets of the code that has run\n"
	"  -h, --help         show this help\n"
	"\n"
	"Exit status: 0 nothing found, 1 something wrong, 2 wrong usage.\n";

static struct tally *tally;

static void stop(int signal)
{
	(void)signal;
	atomic_store(&tally->stop, true);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "messages", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "keep", required_argument, NULL, 'k' },
		{ "cover", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	char *end = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "n:s:h", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'n':
			o->messages = strtoull(optarg, &end, 10);
			break;
		case 's':
			o->seed = strtoull(optarg, &end, 10);
			break;
		case 'c':
			o->corpus_dir = optarg;
			break;
		case 'k':
			o->keep_dir = optarg;
			break;
		case 'o':
			o->cover_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
		if (end && *end) {
			fprintf(stderr, "fuzz-netlink: %s is no number\n",
				optarg);
			exit(2);
		}
	}
}

static unsigned long places(void)
{
	unsigned long count = 0;

	for (size_t i = 0; i < COVER_MAX; i++)
		count += atomic_load(&tally->seen[i]);
	return count;
}

static void show_progress(const struct options *o)
{
	fprintf(stderr, "fuzz-netlink: %lu of %" PRIu64 " messages, %lu reads",
		atomic_load(&tally->messages), o->messages,
		atomic_load(&tally->reads));
	if (places())
		fprintf(stderr, ", %lu places of code", places());
	fputc('\n', stderr);
}

static pid_t start(const struct worker *w)
{
	pid_t pid = fork();

	if (!pid)
		_exit(worker_run(w));
	return pid;
}

static enum role role_of(const pid_t *pids, pid_t pid)
{
	unsigned int role = 0;

	while (role < NR_ROLES && pids[role] != pid)
		role++;
	return role;
}

/* Waits for those who send, then ends the readers; how many failed. */
static int wait_for(const pid_t *pids, const struct options *o)
{
	int status, failed = 0, users = ROLE_READER;
	unsigned int waited = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (!pid) {
			usleep(100000);
			if (++waited % (PROGRESS_S * 10) == 0)
				show_progress(o);
			continue;
		}
		failed += !!status;
		/* Readers end when they are told to. */
		if (role_of(pids, pid) < ROLE_READER && !--users)
			atomic_store(&tally->stop, true);
	}
	return failed;
}

static int run(const struct options *o, const struct nl *nl, bool has_coverage)
{
	pid_t pids[NR_ROLES];
	struct message *corpus = NULL;
	ssize_t in_corpus = 0;
	int failed;

	if (o->corpus_dir) {
		in_corpus = corpus_load(o->corpus_dir, &corpus);
		if (in_corpus < 0) {
			perror(o->corpus_dir);
			return 1;
		}
	}
	for (unsigned int role = 0; role < NR_ROLES; role++) {
		const struct worker w = {
			.role = role,
			.number = role,
			.seed = o->seed,
			/* The first sends the rest too. */
			.messages = o->messages / ROLE_READER +
				    (role ? 0 : o->messages % ROLE_READER),
			.has_coverage = has_coverage,
			.keep_dir = o->keep_dir,
			.corpus = corpus,
			.in_corpus = (size_t)in_corpus,
			.family = nl->family,
			.group = nl->group,
			.tally = tally,
		};

		pids[role] = start(&w);
		if (pids[role] < 0) {
			perror("fork");
			atomic_store(&tally->stop, true);
			return 1;
		}
	}
	failed = wait_for(pids, o);
	free(corpus);
	return failed;
}

static void show_command(unsigned int i, const char *name)
{
	unsigned long unanswered = atomic_load(&tally->unanswered[i]);
	unsigned long count, sum = unanswered;

	for (int error = 0; error < ERRNO_MAX; error++)
		sum += atomic_load(&tally->answered[i][error]);
	if (!sum)
		return;
	printf("%-14s %8lu  unanswered=%lu", name, sum, unanswered);
	for (int error = 0; error < ERRNO_MAX; error++) {
		count = atomic_load(&tally->answered[i][error]);
		if (count)
			printf(" %s=%lu", error ? strerrorname_np(error) : "ok",
			       count);
	}
	putchar('\n');
}

static void report(const struct options *o, bool has_coverage)
{
	printf("seed %" PRIu64 ", digest %016lx\n", o->seed,
	       atomic_load(&tally->digest));
	for (unsigned int i = 0; i < fuzz_nr_commands; i++)
		show_command(i, fuzz_commands[i].name);
	show_command(COMMANDS_MAX, "(other)");
	printf("%lu messages, %lu refused by the socket, %lu answers, %lu reads of /proc/osconcepts\n",
	       atomic_load(&tally->messages), atomic_load(&tally->refused),
	       atomic_load(&tally->answers), atomic_load(&tally->reads));
	if (has_coverage)
		printf("%lu places of the module's code\n", places());
	else
		printf("coverage unavailable: this kernel has no KCOV, or the module was built without\n");
	printf("%lu malformed answers%s%s, %lu malformed reads\n",
	       atomic_load(&tally->malformed), *tally->first ? ": " : "",
	       tally->first, atomic_load(&tally->bad_reads));
}

static int write_cover(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -1;
	for (size_t i = 0; i < COVER_MAX; i++) {
		if (atomic_load(&tally->seen[i]))
			fprintf(file, "%zx\n", i);
	}
	return fclose(file);
}

/*
 * What unbound sockets left, said in *left; 0, or the error of the last that
 * cannot go.
 */
static int remove_targets(struct nl *nl, int *left)
{
	static struct target targets[4096];
	int count, rc;

	*left = 0;
	while ((count = nl_targets(nl, targets, COUNT(targets))) > 0) {
		for (int i = 0; i < count && i < (int)COUNT(targets); i++) {
			rc = nl_target_del(nl, targets[i].id, NULL);
			if (rc && rc != -ENOENT)
				return rc;
			*left += !rc;
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	struct options options = { .messages = 100000, .seed = 1 };
	const struct sigaction on_signal = { .sa_handler = stop };
	struct kcov probe;
	bool has_coverage;
	struct nl nl;
	int failed, left;

	parse(argc, argv, &options);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED) {
		perror("fuzz-netlink");
		return 1;
	}
	if (options.keep_dir && mkdir(options.keep_dir, 0777) &&
	    errno != EEXIST) {
		perror(options.keep_dir);
		return 1;
	}
	sigaction(SIGINT, &on_signal, NULL);
	sigaction(SIGTERM, &on_signal, NULL);
	has_coverage = !kcov_open(&probe, tally->seen);
	if (has_coverage)
		close(probe.fd);
	nl_open(&nl);
	failed = run(&options, &nl, has_coverage);
	report(&options, has_coverage);
	if (options.cover_file && has_coverage &&
	    write_cover(options.cover_file)) {
		perror(options.cover_file);
		failed++;
	}
	if (remove_targets(&nl, &left)) {
		printf("a target cannot be removed\n");
		failed++;
	}
	printf("%d targets of open sockets were left, and removed\n", left);
	nl_close(&nl);
	return failed || atomic_load(&tally->malformed) ||
	       atomic_load(&tally->bad_reads);
}
