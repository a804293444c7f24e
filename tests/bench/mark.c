// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mark - `mark begin` and `mark end` execute an instruction that does nothing,
 * and that tests/bench/profile.c knows by its bytes.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "begin")) {
		__asm__ volatile("nopl 0x4f534301(%rax)");
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "end")) {
		__asm__ volatile("nopl 0x4f534302(%rax)");
		return 0;
	}
	fprintf(stderr, "Usage: mark begin|end\n");
	return 2;
}
