#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The schemas in Documentation take a good document and no broken one.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	/usr/bin/python3 -c 'import jsonschema' ||
		skip "no python3-jsonschema; try scripts/deps"
}

# Which is tested, and its fixture.
name=compare

# validate [CODE]: the fixture, after CODE changed it as `d`.
validate() {
	/usr/bin/python3 - "$name" "${1:-}" <<'PYTHON'
import json, sys
import jsonschema

schema = json.load(open(f"Documentation/{sys.argv[1]}.schema.json"))
d = json.load(open(f"tests/unit/data/{sys.argv[1]}.json"))
if sys.argv[1] == "compare":
    run, row = d["runs"][0], d["summary"][0]
exec(sys.argv[2])
check = jsonschema.validators.validator_for(schema)
assert check is jsonschema.Draft202012Validator, check
check.check_schema(schema)
errors = [e for e in check(schema).iter_errors(d)]
for e in errors:
    print("/".join(map(str, e.absolute_path)) + ": " + e.message)
sys.exit(len(errors) > 0)
PYTHON
}

# refuses CODE PLACE: CODE makes the document invalid, exactly at PLACE.
refuses() {
	run validate "$1"
	echo "$1: $output"
	[[ $status -eq 1 && ${#lines[@]} -eq 1 && $output == "$2: "* ]]
}

@test "the fixture is a valid document" {
	validate
}

@test "what nobody counted may be null" {
	validate 'run["kernel"]["epoll_wakeups"] = None
row["per_request"]["epoll_wakeups"] = None
run["correlation"]["epoll_wakeups"] = None
run["audit"][0]["ok"] = None
d["platform"]["mitigations"] = None
run["latency_us"]["p50"] = None'
}

@test "a missing key is refused" {
	refuses 'del d["platform"]' ""
	refuses 'del run["kernel"]["cpu_ns"]' "runs/0/kernel"
	refuses 'del run["audit"][0]["oracle"]' "runs/0/audit/0"
	refuses 'del row["rps"]["low"]' "summary/0/rps"
}

@test "an unknown key is refused" {
	refuses 'd["colour"] = 1' ""
	refuses 'd["steps"] = []' ""
	refuses 'run["kernel"]["switches"] = 1' "runs/0/kernel"
	refuses 'run["samples"][0]["t_ms"] = 1' "runs/0/samples/0"
	refuses 'd["overall"]["score"] = 1' "overall"
}

@test "a value of the wrong kind is refused" {
	refuses 'd["schema"] = "osconcepts-compare/2"' "schema"
	refuses 'd["created"] = "yesterday"' "created"
	refuses 'd["source"] = "guess"' "source"
	refuses 'd["platform"]["emulated"] = None' "platform/emulated"
	refuses 'run["requests"] = "many"' "runs/0/requests"
	refuses 'run["requests"] = -1' "runs/0/requests"
	refuses 'run["kernel"]["lost"] = 0.5' "runs/0/kernel/lost"
	refuses 'run["correlation"]["cpu_ns"] = 1.01' "runs/0/correlation/cpu_ns"
	refuses 'run["valid"] = "yes"' "runs/0/valid"
	refuses 'run["verdict"] = "fine"' "runs/0/verdict"
	refuses 'row["suspect"] = None' "summary/0/suspect"
}

@test "a result of load: a good one, and broken ones" {
	name=load
	validate
	validate 'd["client"]["cpu_share"] = None
d["network"]["local_ports"] = None
d["latency_us"]["p50"] = None
d["slos"][0]["value_us"] = None
d["lag_us"] = None
d["config"]["rate"] = d["config"]["arrival"] = None'
	refuses 'del d["validity"]' ""
	refuses 'del d["network"]["system_retransmits"]' network
	refuses 'd["colour"] = 1' ""
	refuses 'd["client"]["steal"] = 1' client
	refuses 'd["schema"] = "osconcepts-load/2"' schema
	refuses 'del d["urls"][1]["weight"]' urls/1
	refuses 'd["urls"][0]["weight"] = 0' urls/0/weight
	refuses 'd["requests"] = 0.5' requests
	refuses 'd["errors"]["read.closed"] = -1' errors/read.closed
	refuses 'd["histogram"]["slots"][0] = [1]' histogram/slots/0
	refuses 'd["validity"]["verdict"] = "fine"' validity/verdict
	refuses 'd["lag_us"] = 1' lag_us
}

@test "a line of load --series: a good one, and broken ones" {
	name=load-series
	validate
	validate 'd["client_cpu_share"] = d["system_retransmits"] = None
d["lag_us"] = None'
	refuses 'del d["late_threads"]' ""
	refuses 'd["colour"] = 1' ""
	refuses 'd["schema"] = "osconcepts-load-series/2"' schema
	refuses 'd["t_s"] = None' t_s
	refuses 'd["connections_open"] = -1' connections_open
	refuses 'd["service_us"]["p75"] = 1' service_us
}

@test "the platform is described alike in each" {
	jq -e '[.properties.platform] | length == 1 and .[0] != null' \
		Documentation/load.schema.json
	diff <(jq .properties.platform Documentation/compare.schema.json) \
		<(jq .properties.platform Documentation/load.schema.json)
}

@test "every key says what it means" {
	run /usr/bin/python3 - Documentation/*.schema.json <<'PYTHON'
import json, sys

def walk(node, path):
    if isinstance(node, dict):
        for key, value in node.get("properties", {}).items():
            if isinstance(value, dict) and "description" not in value:
                print(path + "/" + key)
        for key, value in node.items():
            walk(value, path + "/" + key)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            walk(value, path + "/" + str(i))

for path in sys.argv[1:]:
    walk(json.load(open(path)), path)
PYTHON
	[[ $status -eq 0 && -z $output ]]
}
