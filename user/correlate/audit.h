/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit.h - every number we publish against somebody else's.
 *
 * A rule names a counter, the independent source (the oracle) and the relation
 * that must hold between the two: an identity of how the kernel keeps its
 * books, never a tolerance. Where a rule cannot apply (no module, another
 * model) its row is absent: nothing is "ok" that was not compared.
 */
#ifndef OSC_CORRELATE_AUDIT_H
#define OSC_CORRELATE_AUDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "lib/account.h"
#include "lib/counters.h"

/* What /proc books for the processes of a tree that can be read. */
struct osc_tree {
	/* Of the tasks alive now; the dead are not in /proc. */
	uint64_t voluntary, involuntary, cpu_ns;
	/* With those of threads that ended and children that were waited for. */
	uint64_t minor, major;
	uint64_t tasks;
	uint64_t awake; /* of these, not asleep: their books may move */
};

/* What the load generator saw from the other side. */
struct osc_loaded {
	uint64_t requests, connections_opened;
	uint64_t errors; /* failed: who counted them is not known */
	uint64_t unanswered; /* requests on their way when it stopped */
	uint64_t unopened; /* connections on their way then, at most */
};

/* ours_before <= theirs <= ours_after, each a growth between two moments. */
struct osc_bracket {
	uint64_t inner; /* ours, read inside the other's two readings */
	uint64_t independent;
	uint64_t outer; /* ours, read around the other's two readings */
	bool present;
};

struct osc_audit_facts {
	const char *model;
	bool module; /* the counts are the module's, not /proc's */

	struct osc_tree base; /* when the server became a target */

	bool rested; /* a quiescent point was found after the load */
	struct osc_counts rest; /* there, ours */
	struct osc_tree rest_tree; /* and the kernel's */
	struct osc_account_snapshot rest_account; /* and the server's */

	struct osc_counts last; /* ours, when the whole tree had ended */
	struct osc_account_snapshot last_account;
	struct rusage usage; /* wait4: of the server and what it waited for */

	struct osc_bracket switches, faults, faults_major; /* system-wide */
	struct osc_loaded load;
	uint64_t decreases; /* counters that ran backwards between samples */
};

enum osc_relation {
	OSC_EQUAL, /* kernel == independent */
	OSC_AT_LEAST, /* kernel >= independent */
	OSC_AT_MOST, /* kernel <= independent + exited */
	OSC_WITHIN, /* independent <= kernel <= independent + exited */
};

struct osc_audit_row {
	uint64_t kernel, independent;
	uint64_t exited; /* tasks whose end the two may book differently */
};

/* The whole of an audit's judgement. */
bool osc_audit_holds(enum osc_relation relation,
		     const struct osc_audit_row *row);

struct osc_audit_rule {
	const char *counter;
	const char *oracle; /* one line: where the other number is from */
	enum osc_relation relation;
	/* False where the rule does not apply; may trust *f to be complete. */
	bool (*take)(const struct osc_audit_facts *f,
		     struct osc_audit_row *row);
};

extern const struct osc_audit_rule osc_audit_rules[];
extern const size_t osc_audit_nr_rules;

/* "kernel == independent" and so on, as it stands in the document. */
const char *osc_relation_text(enum osc_relation relation);

/*
 * [{counter, kernel, independent, exited, relation, oracle, ok}], the rows of
 * all rules that apply; NULL without memory.
 */
json_t *osc_audit(const struct osc_audit_facts *f);

/*
 * Rows of the same shape about the counters that no server has independent
 * books for: `counted` by the source for a process that did `done` times what
 * counts one callback and one wakeup each, and nothing else of the kind.
 */
json_t *osc_audit_calibration(const struct osc_counts *counted, uint64_t done);

/* Rows, and those not ok, of an array as above. */
void osc_audit_count(const json_t *audit, size_t *rows, size_t *failed);

#endif
