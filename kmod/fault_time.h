/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OSC_FAULT_TIME_H
#define OSC_FAULT_TIME_H

#include <linux/mm_types.h>

struct pt_regs;

/**
 * osc_fault_entry_targets() - time the fault of a task in a target
 *
 * In fault_entry.S. Not for C: called by the first instruction of
 * handle_mm_fault(), with its arguments in their registers.
 */
void osc_fault_entry_targets(void);

/**
 * osc_fault_entry_all() - time any fault
 *
 * As osc_fault_entry_targets().
 */
void osc_fault_entry_all(void);

vm_fault_t osc_fault_timed(struct vm_area_struct *vma, unsigned long address,
			   unsigned int flags, struct pt_regs *regs);
void osc_fault_time_forget(u32 tid);
void osc_fault_time_exit(void);

#endif /* OSC_FAULT_TIME_H */
