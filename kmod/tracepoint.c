// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "tracepoint.h"

static char *hide = "";
module_param(hide, charp, 0444);
MODULE_PARM_DESC(hide, "Functions and tracepoints to treat as absent");

/**
 * osc_hidden() - whether a hook point is to be treated as absent
 * @symbol: function or tracepoint
 *
 * Return: true if the "hide" parameter names it.
 */
bool osc_hidden(const char *symbol)
{
	size_t len = strlen(symbol);
	const char *at = hide;

	while ((at = strstr(at, symbol))) {
		if ((at == hide || at[-1] == ',') &&
		    (at[len] == ',' || !at[len]))
			return true;
		at += len;
	}
	return false;
}

static void match(struct tracepoint *tp, void *data)
{
	struct osc_probe *probe = data;

	if (!strcmp(tp->name, probe->name))
		probe->tp = tp;
}

/**
 * osc_probe_attach() - find the tracepoint and register the probe
 * @probe: not attached
 *
 * Context: may sleep.
 * Return: 0, -ENOENT when this kernel has no such tracepoint, or what the
 * registration returned.
 */
int osc_probe_attach(struct osc_probe *probe)
{
	int ret;

	if (osc_hidden(probe->name))
		return -ENOENT;
	for_each_kernel_tracepoint(match, probe);
	if (!probe->tp)
		return -ENOENT;
	ret = tracepoint_probe_register(probe->tp, probe->func, NULL);
	if (ret)
		probe->tp = NULL;
	return ret;
}

/**
 * osc_probe_detach() - unregister the probe, if it is attached
 * @probe: may still be running on other CPUs when this returns; call
 *	tracepoint_synchronize_unregister() before its code or data goes away
 *
 * Context: may sleep.
 */
void osc_probe_detach(struct osc_probe *probe)
{
	if (!probe->tp)
		return;
	tracepoint_probe_unregister(probe->tp, probe->func, NULL);
	probe->tp = NULL;
}
