/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procfs_cpus.h - the CPU time and the run delay of the whole system, which the
 * kernel counts and the module therefore does not.
 */
#ifndef OSC_LIB_PROCFS_CPUS_H
#define OSC_LIB_PROCFS_CPUS_H

#include <stddef.h>
#include <stdint.h>

struct osc_counts;

struct osc_procfs_cpu {
	unsigned int number;
	uint64_t cpu_ns; /* user, nice and system time of tasks, in ticks */
	uint64_t run_delay_ns; /* of the tasks that began to run on it */
};

struct osc_procfs_cpus {
	struct osc_procfs_cpu *cpu; /* freed by the caller */
	size_t n;
	uint64_t cpu_ns; /* of all: rounded once, not CPU by CPU */
	int has_delay; /* the kernel shows /proc/schedstat */
};

/* -errno, without an error text; then *out is empty. */
int osc_procfs_cpus_read(struct osc_procfs_cpus *out);
void osc_procfs_cpus_free(struct osc_procfs_cpus *c);

/* Of the whole system. */
void osc_procfs_cpus_add(const struct osc_procfs_cpus *c,
			 struct osc_counts *counts);
/* Of one CPU. */
void osc_procfs_cpus_add_one(const struct osc_procfs_cpus *c,
			     unsigned int number, struct osc_counts *counts);

#endif
