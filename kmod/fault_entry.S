/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fault_entry.S - what handle_mm_fault() calls first while faults are timed.
 *
 * The call came from the function's first instruction, so there are two return
 * addresses on the stack: back into the function, and to its caller. Whoever is
 * not timed goes back into the function at once. For a timed task we take its
 * place: osc_fault_timed() calls the rest of it and returns to its caller.
 * Arguments stay in their registers.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

	.text

/* Times those who belong to a target. */
SYM_CODE_START(osc_fault_entry_targets)
	ANNOTATE_NOENDBR
	UNWIND_HINT sp_reg=ORC_REG_SP sp_offset=16 type=UNWIND_HINT_TYPE_CALL
	cmpl	$0, %gs:osc_current_slot(%rip)
	jne	.Ltimed
	RET
SYM_CODE_END(osc_fault_entry_targets)

/* Times everybody. */
SYM_CODE_START(osc_fault_entry_all)
	ANNOTATE_NOENDBR
	UNWIND_HINT sp_reg=ORC_REG_SP sp_offset=16 type=UNWIND_HINT_TYPE_CALL
.Ltimed:
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	jmp	osc_fault_timed
SYM_CODE_END(osc_fault_entry_all)
