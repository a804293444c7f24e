/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OSC_MAIN_H
#define OSC_MAIN_H

#include <linux/types.h>

#define OSC_MODULE_VERSION "0.1.0"

/* When counting began, boot time in nanoseconds. */
extern u64 osc_since_ns;

#endif /* OSC_MAIN_H */
