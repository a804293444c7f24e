// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "lib/platform.h"

static void has_every_key_and_the_kernel_that_runs(void **state)
{
	static const char *const keys[] = {
		"kernel",      "arch",	       "cpus",	     "cpus_allowed",
		"cpu_model",   "memory_bytes", "emulated",   "virtualization",
		"mitigations", "nofile",       "load_start", "module_version",
	};
	json_t *p = osc_platform();
	struct utsname u;

	(void)state;
	assert_non_null(p);
	assert_int_equal(json_object_size(p), sizeof(keys) / sizeof(*keys));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_non_null(json_object_get(p, keys[i]));
	assert_int_equal(uname(&u), 0);
	assert_string_equal(json_string_value(json_object_get(p, "kernel")),
			    u.release);
	assert_true(json_integer_value(json_object_get(p, "cpus")) >= 1);
	assert_true(json_integer_value(json_object_get(p, "memory_bytes")) >
		    1 << 20);
	json_decref(p);
}

static void the_environment_has_the_last_word_on_emulation(void **state)
{
	(void)state;
	setenv("OSCONCEPTS_EMULATED", "1", 1);
	assert_true(osc_platform_emulated());
	setenv("OSCONCEPTS_EMULATED", "0", 1);
	assert_false(osc_platform_emulated());
	/* Anything else says nothing: then the CPU is asked. */
	setenv("OSCONCEPTS_EMULATED", "perhaps", 1);
	assert_int_equal(osc_platform_emulated(),
			 osc_platform_virtualization() &&
				 !strcmp(osc_platform_virtualization(),
					 "qemu"));
	unsetenv("OSCONCEPTS_EMULATED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_every_key_and_the_kernel_that_runs),
		cmocka_unit_test(
			the_environment_has_the_last_word_on_emulation),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
