/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nobody.h - ordinary users. */
#ifndef OSC_TEST_NOBODY_H
#define OSC_TEST_NOBODY_H

#include <sys/types.h>

#define NOBODY 65534

/* Changes identity for good; exits with NOT_BECOME where it cannot. */
void become_user(uid_t uid);
void become_nobody(void);
#define NOT_BECOME 250

/* Run check() in a child as nobody; what it returns, 0 to 255. */
int as_nobody(int (*check)(pid_t victim), pid_t victim);

#endif
