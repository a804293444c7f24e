/* SPDX-License-Identifier: GPL-2.0 */
/* proc.h - /proc/osconcepts; format in Documentation/abi/proc-osconcepts.md. */
#ifndef OSC_PROC_H
#define OSC_PROC_H

int osc_proc_init(void);
void osc_proc_exit(void);

#endif /* OSC_PROC_H */
