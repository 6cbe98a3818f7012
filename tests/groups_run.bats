#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim run --cgroup: a control group of its own for a program.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b')

# run_in_group [OPTION...] PROGRAM...: so that its group lies below the test's.
run_in_group() {
    as '' "${inside[@]}" "$group" "$dir/kashim" run --cgroup -i 61 -n 11 -c 7 "$@"
}

# groups_below: how many there are.
groups_below() {
    find "$group" -mindepth 1 -type d | wc -l
}

# bats test_tags=effect
@test "run --cgroup: a static server, from its first connection on" {
    serve_in "$group" "$dir/kashim" run --cgroup -i 61 -n 11 -c 7 -- static_server "$port" ||
        effect 'server' listens "$(cat "$dir/server")"
    ask "$port" hello
    effect 'the first' "$ours" "$(connections_at "$port")"
    effect 'this process' static_server "$(ps -o comm= -p "$server")"
    effect 'its children' '' "$(ps -o pid= --ppid "$server")"
    effect 'its group' "$path/" "$(sed -n "s,^0::\($path/\).*,\1,p" "/proc/$server/cgroup")"
}

# bats test_tags=effect
@test "run --cgroup: --force, --connect, --user-timeout, --ports, the environment" {
    run_in_group -u 9 --connect --force -- steps "${accepted[@]}" 'set b idle 5' 'look b' 'look c'
    has b c "${ours/timeout=0/timeout=9000}"
    run_in_group -p 1-5 steps "${accepted[@]}" 'look a' 'look b'
    has a "${untouched/connected/listening}"
    has b "$untouched"
    KA_IDLE=99 as '' "${inside[@]}" "$group" "$dir/kashim" run --cgroup -n 11 -c 7 steps "${accepted[@]}" 'look b'
    has b "${ours/idle=61/idle=99}"
}

# bats test_tags=effect
@test "run --cgroup: same process, descriptors, signals, environment, directory" {
    local bare='trap "" HUP USR1; echo $$; exec 5</dev/null; cd /usr; exec "$@"'
    cat >"$dir/show" <<'END'
echo $$
find /proc/self/fd -printf '%f '
env | sort
pwd
exec grep -E '^(Sig[BCIP]|Shd|Cap|NoNewPrivs|Seccomp)' /proc/self/status
END
    as '' "${inside[@]}" "$group" sh -c "$bare" sh sh "$dir/show"
    sed 1,2d <<<"$output" >"$dir/shown"
    as '' "${inside[@]}" "$group" sh -c "$bare" sh "$dir/kashim" run --cgroup -- sh "$dir/show"
    effect 'its number' "$(sed -n 1p <<<"$output")" "$(sed -n 2p <<<"$output")"
    effect 'all else' '' "$(sed 1,2d <<<"$output" | diff "$dir/shown" -)"
}

# bats test_tags=effect
@test "run --cgroup: the groups of programs that have ended are removed by the next" {
    local waiting
    run_in_group true
    effect 'exit status' 0 "$status"
    effect 'a group' 1 "$(groups_below)"
    run_in_group true
    effect 'still one' 1 "$(groups_below)"
    without_harness exec "${inside[@]}" "$group" "$dir/kashim" run --cgroup sleep 60 &
    waiting=$!
    started+=("$waiting")
    wait_for 10 runs_sleep "$waiting" || effect 'it' runs no
    mkdir "$group/kashim-another's"
    run_in_group true
    effect 'of the one that runs, the last, and somebody else'\''s' 3 "$(groups_below)"
    effect 'the one that runs' sleep "$(ps -o comm= -p "$waiting")"
}

runs_sleep() {
    [ "$(cat "/proc/$1/comm")" = sleep ]
}

# bats test_tags=effect
@test "run --cgroup: a program whose child lives on keeps its group" {
    serve_in "$group" "$dir/kashim" run --cgroup -i 61 -n 11 -c 7 -- sh -c "setsid -f env -i $root/build/tests/static_server $port" ||
        effect 'server' listens "$(cat "$dir/server")"
    wait "$server" || :
    server=$(ss -Htlnp "sport = :$port" | sed 's/.*pid=\([0-9]*\).*/\1/')
    run_in_group true
    ask "$port" hello
    effect 'the first' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "run --cgroup: exit statuses" {
    run_in_group sh -c 'exit 42'
    effect 'its own' 42 "$status"
    run_in_group sh -c 'kill -SEGV $$'
    effect 'a signal' 139 "$status"
    run_in_group "$dir/gone"
    effect 'not there' 127 "$status"
    run_in_group "$dir"
    effect 'not to be executed' 126 "$status"
    run_in_group --idle 0 true
    effect 'wrong' 125 "$status"
}

# bats test_tags=harmless,clumsy:mute
@test "run --cgroup: wrong arguments" {
    local bad
    kashim run --cgroup
    refused 125 'which PROGRAM?'
    for bad in --no-children --log=stderr; do
        kashim run --cgroup "$bad" true
        refused 125 "${bad%=*} is for the library alone"
    done
    KA_CNT=x kashim run --cgroup true
    refused 125 "KA_CNT: 'x' is not accepted"
    kashim run --supervise true
    refused 125 'run --cgroup'
}

# bats test_tags=harmless,clumsy:mute
@test "run --cgroup: refused to an ordinary user, without cgroup v2, read-only, by a profile" {
    local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    refused_in_group() {
        # shellcheck disable=SC2086 # words
        as '' "${inside[@]}" "$group" $2 "$dir/kashim" run --cgroup true
        refused 125 "$1"
    }
    refused_in_group 'root' "$nobody"
    refused_in_group 'cgroup v2' "$(without_cgroups)"
    refused_in_group 'Read-only file system' "$(read_only)"
    refused_in_group 'bpf(2) is refused here' 'strace -f -qq -o /dev/null -e inject=bpf:error=EPERM'
    harmless 'groups that are left' 0 "$(groups_below)"
}
