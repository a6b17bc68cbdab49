#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# `lab perf` as a user runs it, with the fewest rounds there can be.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"

# On a host that others use the null test may fail: status 1, but the object is the same.
result_is_one_object_with_ratios_and_raw_runs() {
	lab perf --rounds 2 --json
	check "status $CODE" eval '[[ $CODE == 0 || $CODE == 1 ]]'
	check "one object" one_object "$OUT" "o['ok'] is (o['tph_null']['equivalent'] is True) and o['rounds'] == 2"
	check "measures" one_object "$OUT" "{n.split('.')[0] for n in o['ratios'] if '.' in n} == {'write_bw_64k', 'read_bw_64k', 'write_lat_8', 'rate_8'}"
	check "pairs" one_object "$OUT" "{n for n in o['ratios'] if '.' not in n} == set(o['goals']) == set(o['times_ns']) and len(o['goals']) == 8 and min(o['pairs'].values()) >= 15"
	check "unfavourable end" one_object "$OUT" "all(g['met'] is (o['ratios'][n]['low'] >= g['bound'] if g['at_least'] else o['ratios'][n]['high'] <= g['bound']) for n, g in o['goals'].items())"
	check "figures" one_object "$OUT" "all(o['figures'][n] > 0 for n in ('doorbell_empty_ns', 'post_send_empty_ns', 'idle_qp_bytes', 'idle_mr_bytes'))"
	check "ratios" one_object "$OUT" "all(set(r) == {'value', 'low', 'high'} and 0 < r['low'] <= r['value'] <= r['high'] for r in o['ratios'].values())"
	check "headline" one_object "$OUT" "o['headline'] and all(n in o['ratios'] and '/copy_' in n for n in o['headline'])"
	check "peers in each round" one_object "$OUT" "all({r['where'] for r in o['raw'] if r['round'] == n} == {'host', 'slice', 'rxe', 'copy_host', 'copy_slice'} for n in (0, 1))"
	check "rxe's network stack" one_object "$OUT" "any('network stack' in n for n in o['notes'])"
	check "null test" one_object "$OUT" "o['tph_null']['margin'] == 0.1 and 1 <= len(o['tph_null']['attempts']) <= 2"
	check "software ignores tags" one_object "$OUT" "any('null test' in n for n in o['notes'])"
}

run_tests result_is_one_object_with_ratios_and_raw_runs
