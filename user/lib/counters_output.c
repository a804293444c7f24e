// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/counters_output.h"

#include <math.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/notes.h"
#include "lib/rates.h"
#include "lib/standing.h"

json_t *osc_counts_json(const struct osc_counts *c)
{
	json_t *all = json_object();

	for (int i = 0; all && i < OSC_NR_COUNTERS; i++) {
		json_t *value = osc_counts_have(c, (enum osc_counter)i) ?
					json_integer((json_int_t)c->value[i]) :
					json_null();

		if (json_object_set_new(all, osc_counter_info[i].name, value)) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

double osc_rate_scale(enum osc_counter n, double seconds)
{
	if (n == OSC_CPU_NS || n == OSC_RUN_DELAY_NS)
		return 1 / seconds / (double)OSC_NS_PER_S;
	return 1 / seconds;
}

const char *const osc_counter_heading[OSC_NR_COUNTERS] = {
	[OSC_SWITCHES] = "SWITCH",
	[OSC_SWITCHES_VOLUNTARY] = "VOLUNT",
	[OSC_SWITCHES_INVOLUNTARY] = "INVOL",
	[OSC_FAULTS_MINOR] = "MINFLT",
	[OSC_FAULTS_MAJOR] = "MAJFLT",
	[OSC_EPOLL_CALLBACKS] = "EPCALL",
	[OSC_EPOLL_WAKEUPS] = "EPWAKE",
	[OSC_CPU_NS] = "CPUS",
	[OSC_RUN_DELAY_NS] = "DELAY",
};

static const char *rate_name(enum osc_counter n)
{
	if (n == OSC_CPU_NS)
		return "cpu";
	if (n == OSC_RUN_DELAY_NS)
		return "run_delay";
	return osc_counter_info[n].name;
}

json_t *osc_rates_json(const struct osc_counts *delta, double seconds)
{
	json_t *all = json_object();

	for (int i = 0; all && i < OSC_NR_COUNTERS; i++) {
		enum osc_counter n = (enum osc_counter)i;
		json_t *value = osc_counts_have(delta, n) && seconds > 0 ?
					json_real((double)delta->value[n] *
						  osc_rate_scale(n, seconds)) :
					json_null();

		if (json_object_set_new(all, rate_name(n), value)) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

void osc_rates_cells(struct osc_table *t, const struct osc_counts *delta,
		     double seconds)
{
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		enum osc_counter n = (enum osc_counter)i;
		char text[OSC_STANDING_TEXT_SIZE];

		if (seconds > 0)
			osc_table_text(
				t, rate_name(n),
				osc_standing_scaled(delta, n,
						    osc_rate_scale(n, seconds),
						    text, sizeof(text)));
	}
}

unsigned int osc_cpus_online(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)n : 1;
}

static void check_time(struct osc_counts *delta, enum osc_counter n,
		       double seconds, double most)
{
	double rate = osc_rate_of_time(
		(double)delta->value[n] / (double)OSC_NS_PER_S, seconds, most);

	if (!osc_counts_have(delta, n))
		return;
	if (isnan(rate)) {
		delta->present &= ~(1u << n);
		delta->withheld |= 1u << n;
	} else {
		delta->value[n] =
			(uint64_t)(rate * seconds * (double)OSC_NS_PER_S);
	}
}

void osc_counts_check_times(struct osc_counts *delta, double seconds,
			    unsigned int cpus)
{
	uint64_t tasks = delta->tasks_live + delta->tasks_exited;

	check_time(delta, OSC_CPU_NS, seconds, cpus);
	/* A task waits for a CPU for at most all of the time. */
	check_time(delta, OSC_RUN_DELAY_NS, seconds,
		   tasks ? (double)tasks : INFINITY);
}

json_t *osc_target_json(const struct osc_target *t)
{
	return json_pack(
		"{s:I, s:I, s:o, s:I, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:o, s:o}",
		"id", (json_int_t)t->id, "pid", (json_int_t)t->pid, "comm",
		osc_json_text(t->comm), "uid", (json_int_t)t->uid, "state",
		t->exited ? "exited" : "live", "root_state",
		t->root_lives ? "live" : "exited", "bound",
		!!(t->flags & OSC_WATCH_BOUND), "follow",
		!(t->flags & OSC_WATCH_NO_FOLLOW), "tasks_live",
		(json_int_t)t->counts.tasks_live, "tasks_exited",
		(json_int_t)t->counts.tasks_exited, "lost",
		(json_int_t)t->counts.lost, "counters",
		osc_counts_json(&t->counts), "standing",
		osc_standing_json(&t->counts));
}

static const enum osc_counter target_columns[] = {
	OSC_SWITCHES_VOLUNTARY, OSC_SWITCHES_INVOLUNTARY, OSC_FAULTS_MINOR,
	OSC_FAULTS_MAJOR,	OSC_EPOLL_CALLBACKS,	  OSC_EPOLL_WAKEUPS,
};

#define NR_TARGET_COLUMNS (sizeof(target_columns) / sizeof(*target_columns))

static void add_counts(struct osc_table *t, const struct osc_counts *c)
{
	for (size_t i = 0; i < NR_TARGET_COLUMNS; i++) {
		enum osc_counter n = target_columns[i];
		char text[OSC_STANDING_TEXT_SIZE];

		osc_table_text(t, osc_counter_info[n].name,
			       osc_standing_text(c, n, text, sizeof(text)));
	}
}

void osc_targets_notes(const struct osc_target *targets, size_t n, FILE *out)
{
	const char *names[OSC_NR_COUNTERS] = { NULL };
	struct osc_notes notes = { 0 };

	for (size_t i = 0; i < NR_TARGET_COLUMNS; i++)
		names[target_columns[i]] =
			osc_counter_heading[target_columns[i]];
	for (size_t i = 0; i < n; i++)
		osc_notes_counts(&notes, &targets[i].counts, names);
	osc_notes_print(&notes, out);
}

static void add_user(struct osc_table *t, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	osc_table_text(t, "user", user ? user->pw_name : number);
}

struct osc_table *osc_targets_table(const struct osc_target *targets, size_t n)
{
	static const struct osc_column columns[] = {
		{ "id", "ID", OSC_COLUMN_PLAIN },
		{ "pid", "PID", OSC_COLUMN_PLAIN },
		{ "comm", "COMMAND", OSC_COLUMN_TEXT },
		{ "user", "USER", OSC_COLUMN_TEXT },
		{ "state", "STATE", OSC_COLUMN_TEXT },
		{ "tasks_live", "LIVE", OSC_COLUMN_COUNT },
		{ "tasks_exited", "EXITED", OSC_COLUMN_COUNT },
		{ "lost", "LOST", OSC_COLUMN_COUNT },
		{ "context_switches_voluntary", "VOLUNT", OSC_COLUMN_COUNT },
		{ "context_switches_involuntary", "INVOL", OSC_COLUMN_COUNT },
		{ "page_faults_minor", "MINFLT", OSC_COLUMN_COUNT },
		{ "page_faults_major", "MAJFLT", OSC_COLUMN_COUNT },
		{ "epoll_callbacks", "EPCALL", OSC_COLUMN_COUNT },
		{ "epoll_wakeups", "EPWAKE", OSC_COLUMN_COUNT },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; t && i < n; i++) {
		const struct osc_target *target = &targets[i];

		osc_table_row(t);
		osc_table_u64(t, "id", target->id);
		/* No number where we are: shown as "-". */
		if (target->pid)
			osc_table_u64(t, "pid", (uint64_t)target->pid);
		osc_table_text(t, "comm", target->comm);
		add_user(t, target->uid);
		osc_table_text(t, "state", target->exited ? "exited" : "live");
		osc_table_u64(t, "tasks_live", target->counts.tasks_live);
		osc_table_u64(t, "tasks_exited", target->counts.tasks_exited);
		osc_table_u64(t, "lost", target->counts.lost);
		add_counts(t, &target->counts);
	}
	return t;
}
