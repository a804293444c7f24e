// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/stat_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/counters_output.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/standing.h"

static int add_process(struct osc_procfs_tasks *r, pid_t pid)
{
	struct osc_procfs_task t;
	int ret = osc_procfs_leader(pid, &t);

	if (!ret && osc_procfs_process(pid, &t.counts, NULL))
		ret = -ESRCH;
	return ret ? ret : osc_procfs_append(r, &t);
}

static void free_rows(struct osc_procfs_tasks *r)
{
	free(r->task);
	*r = (struct osc_procfs_tasks){ 0 };
}

static int read_rows(struct osc_counters *procfs, uint32_t id, bool threads,
		     struct osc_procfs_tasks *out, struct osc_error *e)
{
	pid_t *pids;
	size_t n;
	int ret = osc_procfs_target(procfs, id, &pids, &n, e);

	*out = (struct osc_procfs_tasks){ 0 };
	if (ret)
		return ret;
	for (size_t i = 0; i < n && ret != -ENOMEM; i++)
		/* One that ends meanwhile has no row. */
		ret = threads ? osc_procfs_own_threads(pids[i], out) :
				add_process(out, pids[i]);
	free(pids);
	if (ret != -ENOMEM)
		return 0;
	free_rows(out);
	return osc_error_set(e, ENOMEM, "cannot list tasks: out of memory");
}

static const struct osc_procfs_task *find(const struct osc_procfs_tasks *r,
					  const struct osc_procfs_task *t)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->task[i].tid == t->tid &&
		    r->task[i].start_ticks == t->start_ticks)
			return &r->task[i];
	}
	return NULL;
}

/* What it did since; one that was not there has begun since. */
static struct osc_procfs_task since(const struct osc_procfs_task *now,
				    const struct osc_procfs_tasks *base)
{
	const struct osc_procfs_task *b = find(base, now);
	struct osc_procfs_task t = *now;

	if (b) {
		osc_counts_since(&now->counts, &b->counts, &t.counts);
		t.user_ticks -= b->user_ticks;
		t.system_ticks -= b->system_ticks;
	}
	return t;
}

static double seconds_of_ticks(uint64_t ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void osc_stat_tasks_times(const struct osc_stat_tasks *tasks, double *user_s,
			  double *sys_s)
{
	const struct osc_procfs_tasks *now = &tasks->process;
	const struct osc_procfs_tasks *base = &tasks->process_base;
	uint64_t user = 0, system = 0, user_base = 0, system_base = 0;

	for (size_t i = 0; i < now->n; i++) {
		const struct osc_procfs_task *t = &now->task[i];

		user += t->user_ticks + t->reaped.user_ticks;
		system += t->system_ticks + t->reaped.system_ticks;
	}
	/* What one did that has ended since is in that of its parent. */
	for (size_t i = 0; i < base->n; i++) {
		const struct osc_procfs_task *t = &base->task[i];

		user_base += t->user_ticks + t->reaped.user_ticks;
		system_base += t->system_ticks + t->reaped.system_ticks;
	}
	*user_s = user > user_base ? seconds_of_ticks(user - user_base) : 0;
	*sys_s = system > system_base ? seconds_of_ticks(system - system_base) :
					0;
}

int osc_stat_tasks_look(struct osc_stat_tasks *t, struct osc_error *e)
{
	struct osc_procfs_tasks process, thread = { 0 };
	struct osc_counts counts;
	bool root = false;
	int ret = t->own ? osc_counters_read(t->procfs, t->id, &counts, e) : 0;

	if (!ret)
		ret = read_rows(t->procfs, t->id, false, &process, e);
	if (ret)
		return ret;
	if (t->per == OSC_STAT_PER_THREAD)
		ret = read_rows(t->procfs, t->id, true, &thread, e);
	for (size_t i = 0; i < process.n; i++)
		root |= process.task[i].pid == t->root;
	t->root_ended = !root;
	/* What the last look at the root showed says more than nothing. */
	if (ret || !root) {
		free_rows(&process);
		free_rows(&thread);
		return ret;
	}
	free_rows(&t->process);
	free_rows(&t->thread);
	t->process = process;
	t->thread = thread;
	return 0;
}

int osc_stat_tasks_begin(struct osc_stat_tasks *t,
			 struct osc_counters *counters, uint32_t id, pid_t root,
			 enum osc_stat_per per, struct osc_error *e)
{
	int ret = 0;

	*t = (struct osc_stat_tasks){
		.procfs = counters, .id = id, .root = root, .per = per
	};
	if (osc_counters_module(counters)) {
		t->procfs = NULL;
		ret = osc_counters_open(&t->procfs, OSC_COUNTERS_PROCFS, e);
		t->own = !ret;
		if (!ret)
			ret = osc_counters_watch(t->procfs, root, 0, &t->id, e);
	}
	if (!ret)
		ret = osc_stat_tasks_look(t, e);
	if (ret)
		return ret;
	for (size_t i = 0; i < t->process.n; i++) {
		if (t->process.task[i].pid == root)
			memcpy(t->comm, t->process.task[i].comm,
			       sizeof(t->comm));
	}
	t->process_base = t->process;
	t->thread_base = t->thread;
	t->process = t->thread = (struct osc_procfs_tasks){ 0 };
	return osc_stat_tasks_look(t, e);
}

void osc_stat_tasks_end(struct osc_stat_tasks *t)
{
	free_rows(&t->process_base);
	free_rows(&t->process);
	free_rows(&t->thread_base);
	free_rows(&t->thread);
	if (t->own)
		osc_counters_close(t->procfs);
	t->procfs = NULL;
}

/* The rows that are asked for, and where they began. */
static const struct osc_procfs_tasks *
rows_of(const struct osc_stat_tasks *t, const struct osc_procfs_tasks **base)
{
	bool threads = t->per == OSC_STAT_PER_THREAD;

	*base = threads ? &t->thread_base : &t->process_base;
	return threads ? &t->thread : &t->process;
}

/*
 * A row as it is shown. The rows are older than the end where the root has ended
 * since, or the process is a zombie, which shows no switches of its threads.
 */
static struct osc_procfs_task row_of(const struct osc_stat_tasks *tasks,
				     const struct osc_procfs_task *now,
				     const struct osc_procfs_tasks *base)
{
	struct osc_procfs_task t = since(now, base);

	t.counts.task_ended = tasks->root_ended || now->state == 'Z';
	return t;
}

/* /proc shows user and system time where it shows faults. */
static struct osc_standing standing_of_ticks(const struct osc_procfs_task *t)
{
	return osc_standing(&t->counts, OSC_FAULTS_MINOR);
}

/* To a tick, which is 10 ms: there are no more digits. */
static void add_ticks(struct osc_table *t, const char *key,
		      const struct osc_procfs_task *task, uint64_t ticks)
{
	char text[OSC_STANDING_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s%.2f",
		 osc_standing_sign(standing_of_ticks(task).kind),
		 seconds_of_ticks(ticks));
	osc_table_text(t, key, text);
}

static void add_count(struct osc_table *t, const char *key,
		      const struct osc_procfs_task *task, enum osc_counter n)
{
	char text[OSC_STANDING_TEXT_SIZE];

	osc_table_text(t, key,
		       osc_standing_text(&task->counts, n, text, sizeof(text)));
}

static void add_row(struct osc_table *t, const struct osc_procfs_task *task)
{
	char text[OSC_STANDING_TEXT_SIZE];

	osc_table_row(t);
	osc_table_u64(t, "id", (uint64_t)task->tid);
	osc_table_text(t, "comm", task->comm);
	add_ticks(t, "user_s", task, task->user_ticks);
	add_ticks(t, "sys_s", task, task->system_ticks);
	osc_table_text(t, "cpu_s",
		       osc_standing_scaled(&task->counts, OSC_CPU_NS,
					   1.0 / OSC_NS_PER_S, text,
					   sizeof(text)));
	add_count(t, "voluntary", task, OSC_SWITCHES_VOLUNTARY);
	add_count(t, "involuntary", task, OSC_SWITCHES_INVOLUNTARY);
	add_count(t, "minor", task, OSC_FAULTS_MINOR);
	add_count(t, "major", task, OSC_FAULTS_MAJOR);
}

static void print_row_notes(bool threads, const char *why, FILE *out)
{
	if (why)
		fprintf(out, "\n%s in a row: %s.\n",
			osc_standing_sign(OSC_LOWER_BOUND), why);
	fprintf(out,
		"\n%s that ended before the last look at /proc are in "
		"the sums alone.\n",
		threads ? "Threads" : "Processes");
}

int osc_stat_tasks_print(const struct osc_stat_tasks *tasks, FILE *out,
			 struct osc_error *e)
{
	bool threads = tasks->per == OSC_STAT_PER_THREAD;
	const struct osc_column columns[] = {
		{ "id", threads ? "TID" : "PID", OSC_COLUMN_PLAIN },
		{ "comm", "COMMAND", OSC_COLUMN_TEXT },
		{ "user_s", "USER s", OSC_COLUMN_REAL },
		{ "sys_s", "SYS s", OSC_COLUMN_REAL },
		{ "cpu_s", "CPU s", OSC_COLUMN_REAL },
		{ "voluntary", "VOLUNT", OSC_COLUMN_COUNT },
		{ "involuntary", "INVOL", OSC_COLUMN_COUNT },
		{ "minor", "MINFLT", OSC_COLUMN_COUNT },
		{ "major", "MAJFLT", OSC_COLUMN_COUNT },
	};
	const struct osc_procfs_tasks *base, *r = rows_of(tasks, &base);
	const char *why = NULL;
	struct osc_table *t;
	int ret;

	if (!tasks->procfs || !tasks->per)
		return 0;
	t = osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print the tasks: out of memory");
	for (size_t i = 0; i < r->n; i++) {
		struct osc_procfs_task task = row_of(tasks, &r->task[i], base);

		add_row(t, &task);
		if (task.counts.task_ended)
			why = standing_of_ticks(&task).why;
	}
	fputc('\n', out);
	ret = osc_table_print(t, out, e);
	osc_table_free(t);
	if (!ret)
		print_row_notes(threads, why, out);
	return ret;
}

static json_t *standing_json(const struct osc_procfs_task *t)
{
	struct osc_standing ticks = standing_of_ticks(t);
	json_t *all = osc_standing_json(&t->counts);

	if (all && (osc_standing_put(all, "user_s", ticks.kind, ticks.why) ||
		    osc_standing_put(all, "sys_s", ticks.kind, ticks.why))) {
		json_decref(all);
		all = NULL;
	}
	return all;
}

static json_t *row_json(const struct osc_procfs_task *t)
{
	return json_pack("{s:i, s:o, s:f, s:f, s:o, s:o}", "pid", (int)t->pid,
			 "comm", osc_json_text(t->comm), "user_s",
			 seconds_of_ticks(t->user_ticks), "sys_s",
			 seconds_of_ticks(t->system_ticks), "counters",
			 osc_counts_json(&t->counts), "standing",
			 standing_json(t));
}

json_t *osc_stat_tasks_json(const struct osc_stat_tasks *tasks)
{
	bool threads = tasks->per == OSC_STAT_PER_THREAD;
	const struct osc_procfs_tasks *base, *r = rows_of(tasks, &base);
	json_t *all;

	if (!tasks->procfs || !tasks->per)
		return json_null();
	all = json_array();
	for (size_t i = 0; all && i < r->n; i++) {
		struct osc_procfs_task t = row_of(tasks, &r->task[i], base);
		json_t *row = row_json(&t);

		/* Fails also on a NULL row. */
		if ((threads &&
		     json_object_set_new(row, "tid", json_integer(t.tid))) ||
		    json_array_append_new(all, row)) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}
