/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tracepoint.h - tracepoints by name, since the kernel does not export its
 * scheduler tracepoints as symbols.
 */
#ifndef OSC_TRACEPOINT_H
#define OSC_TRACEPOINT_H

#include <linux/types.h>

struct tracepoint;

/**
 * struct osc_probe - a probe on a tracepoint
 * @name: of the tracepoint
 * @func: with the tracepoint's prototype behind a leading void *; check it at
 *	compile time with check_trace_callback_type_NAME()
 * @tp: set while attached
 */
struct osc_probe {
	const char *name;
	void *func;
	struct tracepoint *tp;
};

int osc_probe_attach(struct osc_probe *probe);
void osc_probe_detach(struct osc_probe *probe);
bool osc_hidden(const char *symbol);

#endif /* OSC_TRACEPOINT_H */
