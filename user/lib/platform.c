// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/platform.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "lib/output.h"
#include "lib/procfs.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

/* What a hypervisor says of itself in CPUID leaf 0x40000000. */
static const struct {
	const char *signature;
	const char *name;
} hypervisors[] = {
	{ "TCGTCGTCGTCG", "qemu" },	  { "KVMKVMKVM", "kvm" },
	{ "Linux KVM Hv", "kvm" },	  { "Microsoft Hv", "hyper-v" },
	{ "VMwareVMware", "vmware" },	  { "XenVMMXenVMM", "xen" },
	{ "VBoxVBoxVBox", "virtualbox" }, { "bhyve bhyve ", "bhyve" },
};

#if defined(__x86_64__) || defined(__i386__)
const char *osc_platform_virtualization(void)
{
	unsigned int eax, ebx, ecx, edx;
	char signature[13] = "";

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 31 & 1))
		return "none";
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(signature, &ebx, 4);
	memcpy(signature + 4, &ecx, 4);
	memcpy(signature + 8, &edx, 4);
	for (size_t i = 0; i < sizeof(hypervisors) / sizeof(*hypervisors);
	     i++) {
		if (!strcmp(signature, hypervisors[i].signature))
			return hypervisors[i].name;
	}
	return "unknown hypervisor";
}
#else
const char *osc_platform_virtualization(void)
{
	return NULL;
}
#endif

bool osc_platform_emulated(void)
{
	const char *said = getenv("OSCONCEPTS_EMULATED");
	const char *virtualization = osc_platform_virtualization();

	if (said && (!strcmp(said, "0") || !strcmp(said, "1")))
		return said[0] == '1';
	return virtualization && !strcmp(virtualization, "qemu");
}

static json_t *first_line(const char *path)
{
	json_t *line = NULL;
	char *text;

	if (!osc_procfs_slurp(path, &text)) {
		text[strcspn(text, "\n")] = '\0';
		line = osc_json_text(text);
		free(text);
	}
	return line ? line : json_null();
}

static json_t *cpu_model(void)
{
	json_t *model = NULL;
	char *text, *p;

	if (osc_procfs_slurp("/proc/cpuinfo", &text))
		return json_null();
	p = strstr(text, "model name");
	if (p)
		p = strchr(p, ':');
	if (p) {
		p += 1 + strspn(p + 1, " \t");
		p[strcspn(p, "\n")] = '\0';
		model = osc_json_text(p);
	}
	free(text);
	return model ? model : json_null();
}

static json_t *mitigations(void)
{
	DIR *dir = opendir(VULNERABILITIES);
	struct dirent *entry;
	json_t *all;

	if (!dir)
		return json_null();
	all = json_object();
	while (all && (entry = readdir(dir))) {
		char path[sizeof(VULNERABILITIES) + sizeof(entry->d_name) + 1];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), VULNERABILITIES "/%s",
			 entry->d_name);
		if (json_object_set_new(all, entry->d_name, first_line(path))) {
			json_decref(all);
			all = NULL;
		}
	}
	closedir(dir);
	return all;
}

static json_t *load_average(void)
{
	double load;

	return getloadavg(&load, 1) == 1 ? json_real(load) : json_null();
}

static json_t *descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return json_null();
	return json_integer((json_int_t)limit.rlim_cur);
}

static json_t *memory_bytes(void)
{
	struct sysinfo info;

	if (sysinfo(&info))
		return json_null();
	return json_integer((json_int_t)info.totalram * info.mem_unit);
}

static json_t *cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return json_null();
	return json_integer(CPU_COUNT(&set));
}

json_t *osc_platform(void)
{
	struct utsname u;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (uname(&u))
		memset(&u, 0, sizeof(u));
	return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:o, "
			 "s:o, s:o}",
			 "kernel", osc_json_text(u.release), "arch",
			 osc_json_text(u.machine), "cpus", (json_int_t)cpus,
			 "cpus_allowed", cpus_allowed(), "cpu_model",
			 cpu_model(), "memory_bytes", memory_bytes(),
			 "emulated", osc_platform_emulated(), "virtualization",
			 osc_json_text(osc_platform_virtualization()),
			 "mitigations", mitigations(), "nofile",
			 descriptor_limit(), "load_start", load_average(),
			 "module_version",
			 first_line("/sys/module/osconcepts/version"));
}
