# SPDX-License-Identifier: GPL-2.0-or-later
"""What repeated runs tell: medians and how sure they are, which runs may be used,
ratios of rounds, and whether a goal is met. Pure: nothing is run or written here.

A run is a dict of its figures, with `validity` as `osconcepts load --json` has it. A
row is what is told of one program in one case; its `runs` has an entry for each
round, so that those of two rows can be compared round by round.
"""

import math
import re
import statistics
from typing import NamedTuple

# With fewer values, not even all of them enclose the true median with 95 %.
SURE_ROUNDS = 6
VERDICTS = ("valid", "suspect", "invalid")
# The one doubt that is a matter of what is measured; of user/load/validity.c.
CLIENT_BUSY = re.compile(r"the client was \d+ % busy")


def median_interval(values):
    """Median, and the order statistics between which the true one lies with 95 %;
    of fewer than SURE_ROUNDS values, the lowest and the highest."""
    ordered, n = sorted(values), len(values)
    k, tail = 0, 0.0
    while k < n // 2 and tail + math.comb(n, k) / 2**n <= 0.025:
        tail += math.comb(n, k) / 2**n
        k += 1
    low = max(k - 1, 0)
    return statistics.median(ordered), ordered[low], ordered[n - 1 - low]


def interval_name(rounds):
    if rounds >= SURE_ROUNDS:
        return "the 95 % interval"
    return f"the lowest and the highest, {SURE_ROUNDS} rounds are needed for an interval"


def brackets(row, key, form):
    """Both ends, where there is more than one value."""
    if row[f"{key}_low"] == row[f"{key}_high"]:
        return ""
    return f" ({form(row[f'{key}_low'])}–{form(row[f'{key}_high'])})"


def thousands(row, key):
    return f"{row[key] / 1e3:.1f}k" + brackets(row, key, lambda x: f"{x / 1e3:.1f}")


def without(validity, expected):
    """The verdict without a doubt that is expected of what is measured. Such a one
    makes a run suspect at most: what is invalid has another reason, and stays so."""
    why = [w for w in validity["why"] if not expected.match(w)]
    verdict = validity["verdict"]
    return {"verdict": "valid" if verdict == "suspect" and not why else verdict, "why": why}


def worse(validity, why):
    """The same, and suspect for one more reason."""
    return {"verdict": max(validity["verdict"], "suspect", key=VERDICTS.index), "why": [*validity["why"], why]}


def usable(run):
    return run["validity"]["verdict"] != "invalid"


def verdict_of(runs):
    """Of a row: invalid unless most of its runs may be used, else the worst of those."""
    used = [r for r in runs if usable(r)]
    if 2 * len(used) > len(runs):
        return max((r["validity"]["verdict"] for r in used), key=VERDICTS.index)
    return "invalid"


def shape(reason):
    """Without its numbers."""
    return re.sub(r"[\d.]+", "N", reason)


def reasons_of(runs):
    """Each once, of those that differ in their numbers only the first."""
    shapes = {}
    for reason in (w for r in runs for w in r["validity"]["why"]):
        shapes.setdefault(shape(reason), reason)
    return list(shapes.values())


def summarize(runs, metrics):
    """A row's figures; runs that are invalid have no part in them."""
    used = [r for r in runs if usable(r)]
    row = {"rounds": len(used), "invalid_rounds": len(runs) - len(used),
           "validity": {"verdict": verdict_of(runs), "why": reasons_of(runs)}}
    if has_figures(row):
        for key in metrics:
            row[key], row[f"{key}_low"], row[f"{key}_high"] = median_interval([r[key] for r in used])
    return {**row, "runs": runs}


def has_figures(row):
    return bool(row) and "failed" not in row and row["validity"]["verdict"] != "invalid"


class Ratio(NamedTuple):
    median: float
    low: float
    high: float
    rounds: int

    def __str__(self):
        return f"{self.median:.2f}" + (f" ({self.low:.2f}–{self.high:.2f})" if self.rounds > 1 else "")


def ratio_text(row, key):
    return str(Ratio(**row[key])) if key in row else "—"


def ratio(row, other, metric):
    """Of runs of the same round: what the machine does to one it does to the other.
    None where one of the rows has no figures, or no round is usable in both."""
    if not has_figures(row) or not has_figures(other):
        return None
    pairs = [a[metric] / b[metric] for a, b in zip(row["runs"], other["runs"]) if usable(a) and usable(b)]
    return Ratio(*median_interval(pairs), len(pairs)) if pairs else None


def own(row, metric):
    """The metric itself, where it is a ratio within each run."""
    values = [r[metric] for r in row["runs"] if usable(r)] if has_figures(row) else []
    return Ratio(*median_interval(values), len(values)) if values else None


RELATIONS = {"at least": lambda x, limit: x >= limit, "at most": lambda x, limit: x <= limit,
             "above": lambda x, limit: x > limit, "below": lambda x, limit: x < limit}


class Goal(NamedTuple):
    """That `metric` of the best of `ours` is, in `case`, in `relation` to `limit` times
    the other's. Without a case it is to be so somewhere; without an other the metric is
    a ratio by itself."""
    what: str
    ours: tuple
    case: str
    other: str
    metric: str
    relation: str
    limit: float


def best_of(goal, rows, case):
    some = [r for r in rows if r["case"] == case and r["program"] in goal.ours and has_figures(r)]
    pick = min if goal.relation in ("at most", "below") else max
    return pick(some, key=lambda r: r[goal.metric]) if some else None


def judge_case(goal, rows, case):
    """The ratio decides by its median; that its interval holds the limit is said."""
    row = best_of(goal, rows, case)
    other = next((r for r in rows if r["case"] == case and r["program"] == goal.other), None)
    found = ratio(row, other, goal.metric) if goal.other else own(row, goal.metric)
    if not found:
        return None
    met = RELATIONS[goal.relation](found.median, goal.limit)
    if found.rounds < SURE_ROUNDS:
        sure = "too few rounds to be sure"
    else:
        sure = "the interval holds the goal" if found.low <= goal.limit <= found.high else ""
    return {"case": case, "program": row["program"], "ratio": found, "met": met, "unsure": sure}


def judge(goal, rows):
    """@goal with `verdict` met, missed or not judged, and the ratios that decided; None
    where the run is of others."""
    cases = [goal.case] if goal.case else list(dict.fromkeys(r["case"] for r in rows))
    run = {r["program"] for r in rows if r["case"] in cases}
    if (goal.other and goal.other not in run) or not run & set(goal.ours):
        return None
    found = [j for j in (judge_case(goal, rows, case) for case in cases) if j]
    if not found:
        verdict = "not judged"
    else:
        verdict = "met" if any(j["met"] for j in found) else "missed"
    return {"verdict": verdict, **goal._asdict(), "found": [{**j, "ratio": j["ratio"]._asdict()} for j in found],
            "text": f"{verdict}: {goal_text(goal)}: {goal_reason(goal, found)}"}


def goal_text(goal):
    ahead = (goal.relation, goal.limit) == ("above", 1)
    times = f" times {goal.other}'s" if goal.other else ""
    limit = f"ahead of {goal.other}" if ahead else f"{goal.relation} {goal.limit:g}{times}"
    return f"{goal.what}, {goal.case or 'somewhere'}, {limit}"


def goal_reason(goal, found):
    """Of a goal for somewhere, where it is met; if nowhere, all that was seen."""
    if not found:
        return f"no round has valid figures{' of both' if goal.other else ''}"
    shown = [j for j in found if j["met"]] or found
    return "; ".join((f"{j['case']} " if not goal.case else f"{j['program']} " if len(goal.ours) > 1 else "")
                     + str(j["ratio"]) + (f", {j['unsure']}" if j["unsure"] else "") for j in shown)


def goals_text(judged):
    if not judged:
        return ""
    return "\n".join(["Goals, by the medians of ratios in the same round:", "", *(f"- {j['text']}" for j in judged)])


def verdict_word(row):
    return "failed" if "failed" in row else row["validity"]["verdict"].upper()


def name_of(row):
    used, of = row.get("rounds"), len(row.get("runs", ()))
    left = "" if used in (0, None, of) else f" ({of - used} of {of} rounds not used" + (
        ")" if used >= SURE_ROUNDS else ", too few are left for an interval)")
    return f"{row['case']} {row['program']}{left}"


def doubts_text(rows):
    """What is to be known of rows that are not valid without reserve: those for the
    same reasons in one line, with the numbers of the first."""
    groups = {}
    for row in rows:
        if "failed" in row:
            why = row["failed"].splitlines()[0]
        elif row["validity"]["verdict"] != "valid" or row["invalid_rounds"]:
            why = "; ".join(row["validity"]["why"])
        else:
            continue
        groups.setdefault((verdict_word(row), shape(why)), (why, []))[1].append(name_of(row))
    lines = [f"- {word}: {why}: {', '.join(names)}" for (word, _), (why, names) in groups.items()]
    return "\n".join(["Not to be taken without reserve:", "", *lines]) if lines else ""
