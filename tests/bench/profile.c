// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * profile - a plugin of QEMU's emulator that counts a guest's instructions, each
 * for the task that executes it and for the function it belongs to. Between the
 * marks that tests/bench/mark.c sets, that is: at the first, DIR/symbols is read,
 * at the second, DIR/counts is written. `-plugin profile.so,dir=DIR`; one CPU.
 *
 * symbols: "ADDRESS AREA NAME" by address. The function of an instruction is the
 * last one at or below it. An area is a number; 0 is that of helpers (copying,
 * locking, allocating), whose instructions belong to the area of their caller:
 * the one that the task was last in.
 *
 * counts: "area TASK AREA INSTRUCTIONS" and "symbol TASK NAME INSTRUCTIONS", in
 * which a task is a number from 1.
 *
 * Where the kernel switches tasks it loads the stack pointer out of the next
 * one's structure; there is one place where it does, which is known by its bytes,
 * and the address that is read tells the tasks apart.
 *
 * A block of instructions is counted when it is entered. A fault in its middle
 * counts the rest of it, too, and again when it is gone on with.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define AREAS_MAX 32
#define TASKS_MAX 4096
#define NAME_MAX_LEN 128

struct symbol {
	uint64_t address;
	unsigned int area;
	char *name;
};

struct task {
	uint64_t address;
	unsigned int area; /* that it was last in */
	uint64_t by_area[AREAS_MAX];
	uint64_t *by_symbol; /* nr_symbols of them, when it has run */
};

/* Kept when QEMU throws its translation away, of which it tells nobody. */
struct block {
	uint64_t address;
	size_t instructions;
	unsigned int run; /* in which symbol is right */
	size_t symbol;
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static const char *dir;
static struct symbol *symbols;
static size_t nr_symbols;
static struct task tasks[TASKS_MAX];
static size_t nr_tasks;
static struct task *current;
static bool counting;
static unsigned int run_nr;

static void die(const char *what)
{
	fprintf(stderr, "profile: %s\n", what);
	exit(1);
}

static void *need(void *memory)
{
	if (!memory)
		die("out of memory");
	return memory;
}

static FILE *open_in_dir(const char *name, const char *mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, mode);
	if (!f) {
		perror(path);
		die("which it needs");
	}
	return f;
}

static void read_symbols(void)
{
	FILE *f = open_in_dir("symbols", "r");
	char name[NAME_MAX_LEN];
	struct symbol s;

	for (size_t i = 0; i < nr_symbols; i++)
		free(symbols[i].name);
	nr_symbols = 0;
	while (fscanf(f, "%" SCNx64 " %u %127s", &s.address, &s.area, name) ==
	       3) {
		if (s.area >= AREAS_MAX)
			die("symbols: an area beyond what there is room for");
		if (!(nr_symbols & (nr_symbols - 1)))
			symbols = need(realloc(
				symbols, (nr_symbols ? 2 * nr_symbols : 1) *
						 sizeof(*symbols)));
		s.name = need(strdup(name));
		symbols[nr_symbols++] = s;
	}
	if (!feof(f) || !nr_symbols)
		die("symbols: not lines of ADDRESS AREA NAME");
	fclose(f);
}

static size_t symbol_at(uint64_t address)
{
	size_t low = 0, high = nr_symbols;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (symbols[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The task whose structure is there. They are few, and switches seldom enough. */
static struct task *task_at(uint64_t address)
{
	for (size_t i = 0; i < nr_tasks; i++)
		if (tasks[i].address == address)
			return &tasks[i];
	if (nr_tasks == TASKS_MAX)
		die("more tasks than there is room for");
	tasks[nr_tasks] = (struct task){ .address = address };
	return &tasks[nr_tasks++];
}

static void forget_tasks(void)
{
	uint64_t address = current ? current->address : 0;

	for (size_t i = 0; i < nr_tasks; i++)
		free(tasks[i].by_symbol);
	nr_tasks = 0;
	current = task_at(address);
}

static void write_counts(void)
{
	FILE *f = open_in_dir("counts", "w");

	for (size_t t = 0; t < nr_tasks; t++) {
		for (unsigned int a = 0; a < AREAS_MAX; a++)
			if (tasks[t].by_area[a])
				fprintf(f, "area %zu %u %" PRIu64 "\n", t + 1,
					a, tasks[t].by_area[a]);
		for (size_t s = 0; tasks[t].by_symbol && s < nr_symbols; s++)
			if (tasks[t].by_symbol[s])
				fprintf(f, "symbol %zu %s %" PRIu64 "\n", t + 1,
					symbols[s].name, tasks[t].by_symbol[s]);
	}
	if (fclose(f))
		die("counts: cannot be written");
}

/* --- while the guest runs */

static void on_block(unsigned int cpu, void *data)
{
	struct block *b = data;
	unsigned int area;

	(void)cpu;
	if (!counting)
		return;
	if (b->run != run_nr) {
		b->run = run_nr;
		b->symbol = symbol_at(b->address);
	}
	if (!current->by_symbol)
		current->by_symbol = need(calloc(nr_symbols, sizeof(uint64_t)));
	area = symbols[b->symbol].area;
	if (area)
		current->area = area;
	current->by_area[current->area] += b->instructions;
	current->by_symbol[b->symbol] += b->instructions;
}

static void on_switch(unsigned int cpu, qemu_plugin_meminfo_t info,
		      uint64_t address, void *data)
{
	(void)cpu;
	(void)info;
	(void)data;
	/* A constant distance from the task, which is told apart as well by it. */
	current = task_at(address);
}

static void on_mark(unsigned int cpu, void *data)
{
	(void)cpu;
	if (counting)
		write_counts();
	counting = data != NULL;
	if (!counting)
		return;
	run_nr++;
	forget_tasks();
	read_symbols();
}

/* --- while it is translated */

/* mov OFFSET(%rsi),%rsp: in __switch_to_asm() and nowhere else in the kernel. */
static bool loads_stack(const uint8_t *code, size_t len)
{
	return len == 7 && !memcmp(code, "\x48\x8b\xa6", 3);
}

/* nopl MARK(%rax) of tests/bench/mark.c */
static bool is_mark(const uint8_t *code, size_t len, char which)
{
	return len == 7 && !memcmp(code, "\x0f\x1f\x80", 3) &&
	       code[3] == (uint8_t)which && !memcmp(code + 4, "CSO", 3);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb);
	struct block *b = need(calloc(1, sizeof(*b)));
	static int begins;

	(void)id;
	b->address = qemu_plugin_tb_vaddr(tb);
	b->instructions = nr;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block,
					     QEMU_PLUGIN_CB_NO_REGS, b);
	for (size_t i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t len = qemu_plugin_insn_size(insn);

		if (b->address >> 63 && loads_stack(code, len))
			qemu_plugin_register_vcpu_mem_cb(insn, on_switch,
							 QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW,
							 NULL);
		if (is_mark(code, len, 1))
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, &begins);
		if (is_mark(code, len, 2))
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const struct qemu_info *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "dir=", 4)) {
		fprintf(stderr, "profile: wants dir=DIR, and nothing else\n");
		return -1;
	}
	if (info->max_vcpus != 1) {
		fprintf(stderr, "profile: tells tasks apart on one CPU only\n");
		return -1;
	}
	dir = need(strdup(argv[0] + 4));
	current = task_at(0);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
