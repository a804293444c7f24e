/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * platform.h - on what the numbers were measured: every document carries it.
 *
 * { kernel, arch, cpus, cpus_allowed, cpu_model, memory_bytes, emulated,
 *   virtualization, mitigations{name: state}, nofile, load_start,
 *   module_version }: null where the machine does not say.
 */
#ifndef OSC_LIB_PLATFORM_H
#define OSC_LIB_PLATFORM_H

#include <jansson.h>
#include <stdbool.h>

/* A new reference, or NULL without memory. */
json_t *osc_platform(void);

/*
 * Whether the CPU is emulated (QEMU's TCG): emulated.h says what follows.
 * OSCONCEPTS_EMULATED=1 or 0 in the environment has the last word.
 */
bool osc_platform_emulated(void);

/* "none", "kvm", "qemu" (TCG), "vmware", …; NULL when it cannot be known. */
const char *osc_platform_virtualization(void);

#endif
