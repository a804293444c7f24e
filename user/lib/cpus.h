/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpus.h - sets of CPUs as people type them: "0", "0-3", "0,2,4-7". */
#ifndef OSC_LIB_CPUS_H
#define OSC_LIB_CPUS_H

#include <sched.h>
#include <stddef.h>

struct osc_error;

/* The CPUs we may run on. */
int osc_cpus_allowed(cpu_set_t *out, struct osc_error *e);

/* `what` names the flag. Each CPU must be one that we may run on. */
int osc_cpus_parse(const char *what, const char *text, cpu_set_t *out,
		   struct osc_error *e);

/* As a list, cut where `size` is too small for it. Returns buf. */
char *osc_cpus_format(const cpu_set_t *set, char *buf, size_t size);

#endif
