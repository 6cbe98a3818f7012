#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Debian's kernels in qemu, old and new ones and those of other machines: each does what the
# contract says. guest.sh has the scenarios, and what it has seen is judged here. KERNELS are the
# suites they come from, for another machine than amd64 with its name.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"

read -ra kernels -d "" <<<"${KERNELS:-bullseye bookworm trixie sid
    bookworm-s390x bookworm-arm64 bookworm-armhf bookworm-ppc64el trixie-riscv64}" || :

# Boots two at a time.
setup_file() {
    need qemu-system-x86_64 cpio xz
    printf '%s\n' "${kernels[@]}" | xargs -P 2 -I{} "$BATS_TEST_DIRNAME/boot.sh" {} "$BATS_FILE_TMPDIR/{}" 3>&- || :
    local kernel
    for kernel in "${kernels[@]}"; do
        [ -d "$root/build/kernels/$kernel" ] || unless_ci "Debian's kernel $kernel can't be fetched"
        [ "$(report "$kernel" | tail -n 1)" = end ] || { tail -n 20 "$BATS_FILE_TMPDIR/$kernel/console"; return 1; }
    done
    write_header
}

report() {
    tr -d '\r' <"$BATS_FILE_TMPDIR/$1/console" | sed -n 's/^> //p'
}

# seen KERNEL SCENARIO
seen() {
    report "$1" | sed -n "s/^$2: //p"
}

# release KERNEL: with its machine, if that isn't amd64.
release() {
    local machine=${1#"${1%-*}"}
    echo "$(seen "$1" release)${machine/-/ }"
}

write_header() {
    local kernel releases=()
    for kernel in "${kernels[@]}"; do
        releases+=("$(release "$kernel")")
    done
    row 'on Linux' "${releases[@]}"
    row --- "${kernels[@]/*/---}"
}

# everywhere effect|harmless SCENARIO LINE...: on each kernel the guest has seen these lines.
everywhere() {
    local kernel cells=() failed=''
    for kernel in "${kernels[@]}"; do
        cells+=(yes)
        "$1" "Linux $(release "$kernel")" "$(printf '%s\n' "${@:3}")" "$(seen "$kernel" "$2")" ||
            { cells[-1]=no && failed=yes; }
    done
    row "$BATS_TEST_DESCRIPTION" "${cells[@]}"
    [ ! "$failed" ]
}

# row CELL...: of the table in the file $KERNELS_TABLE, if there is to be one.
row() {
    [ ! "${KERNELS_TABLE-}" ] || { printf '| %s ' "$@" && echo '|'; } >>"$KERNELS_TABLE"
}

# What the guest prints of a server's sockets.
listener='listening on 61 11 7' connection='connected on 61 11 7'
bare='off 7200 75 9'

# ---- the library ---------------------------------------------------------------

# bats test_tags=effect
@test "LD_PRELOAD" {
    everywhere effect preload "$listener" "$connection"
}

# bats test_tags=effect
@test "LD_PRELOAD, KA_PORTS, KA_LOG: a server there and its client, not those of another port" {
    everywhere effect preload_ports "$listener" "$connection" "$connection" 'listener 127.0.0.1:1014' \
        "listening $bare" "connected $bare" "connected $bare" 'no listener'
}

# bats test_tags=effect
@test "LD_PRELOAD, KA_FORCE: the program's own choice succeeds and changes nothing, but on outgoing sockets" {
    everywhere effect preload_force 'set b idle 15: 0' "look b: $connection" 'set b keepalive 0: 0' "look b: $connection" \
        'set c idle 15: 0' 'look c: connected off 15 75 9'
}

# bats test_tags=effect
@test "kashim run" {
    everywhere effect run "$listener" "$connection"
}

# bats test_tags=effect
@test "the demo is probed" {
    everywhere effect demo 'listening on 1 1 10' 'connected on 1 1 10' probed
}

# bats test_tags=effect
@test "check: every way is open" {
    everywhere effect check 'library yes' 'control groups yes' 'attach to processes yes' 'status by sock_diag yes'
}

# bats test_tags=effect
@test "check: but for sock_diag" {
    everywhere effect check_without_sock_diag 'library yes' 'control groups yes' 'attach to processes yes' \
        'status by sock_diag no: the kernel has no tcp_diag (modprobe tcp_diag loads it)'
}

# ---- processes -----------------------------------------------------------------

# bats test_tags=effect
@test "attach PID: the connection that is there, and the next" {
    everywhere effect attach_process "listening $bare" "connected $bare" "$listener" "$connection" "$connection"
}

# bats test_tags=effect
@test "attach --port PORT" {
    everywhere effect attach_port "$listener" "$connection"
}

# bats test_tags=effect
@test "KA_RTO_MAX, which Linux has since 6.15, or one line that says so" {
    local kernel lines cells=() failed=''
    for kernel in "${kernels[@]}"; do
        lines=$listener$'\n'$connection$'\nkashim: KA_RTO_MAX has no effect on this kernel: it came with Linux 6.15;'
        cells+=('it says so')
        if printf '6.15\n%s\n' "$(seen "$kernel" release)" | sort -CV; then
            lines="$listener rto_max=3000"$'\n'"$connection rto_max=3000"
            cells[-1]=yes
        fi
        effect "Linux $(release "$kernel")" "$lines" "$(seen "$kernel" rto_max)" ||
            { cells[-1]=no && failed=yes; }
    done
    row "$BATS_TEST_DESCRIPTION" "${cells[@]}"
    [ ! "$failed" ]
}

# bats test_tags=effect
@test "attach PID: the accepted end of two, though nobody listens any more" {
    everywhere effect attach_accepted "connected $bare" "$connection"
}

# bats test_tags=effect
@test "status PID" {
    everywhere effect status_with_sock_diag "0.0.0.0:1005 $listener" "127.0.0.1:1005 $connection"
}

# bats test_tags=effect
@test "attach --port and status without sock_diag, by /proc/PID/net/tcp" {
    everywhere effect status_without_sock_diag "0.0.0.0:1004 $listener" "127.0.0.1:1004 $connection"
}

# ---- groups --------------------------------------------------------------------

# bats test_tags=effect
@test "attach GROUP: the first connection of a server that starts there" {
    everywhere effect attach_group "$listener" "$connection"
}

# bats test_tags=effect
@test "attach GROUP: a server that is there, its connection and the next" {
    everywhere effect attach_running "$listener" "$connection" "$connection"
}

# bats test_tags=effect
@test "attach GROUP: without the kernel's BPF compiler" {
    everywhere effect without_jit 'set b idle 15: 0' "look b: $connection"
}

# bats test_tags=effect
@test "attach GROUP: with each set of options" {
    everywhere effect every_option "$listener user_timeout=100000" "$connection user_timeout=100000"
}

# bats test_tags=effect
@test "attach -p PORT --connect GROUP: a server there and its client, not those of another port" {
    everywhere effect ports "$listener" "$connection" "$connection" "listening $bare" "connected $bare" "connected $bare"
}

# bats test_tags=effect
@test "attach GROUP: IPv6, and IPv4 by way of it" {
    everywhere effect ipv6 "look b: $connection" "look e: $connection"
}

# bats test_tags=effect
@test "attach GROUP: the program's own choice stands, outgoing sockets are untouched" {
    everywhere effect own_choice 'set b idle 15: 0' 'look b: connected on 15 11 7' "look c: connected $bare"
}

# bats test_tags=effect
@test "attach --force GROUP: the program's own choice succeeds and changes nothing, but on outgoing sockets" {
    everywhere effect force 'set b idle 15: 0' "look b: $connection" 'set b keepalive 0: 0' "look b: $connection" \
        'set c idle 15: 0' 'look c: connected off 15 75 9'
}

# bats test_tags=harmless
@test "attach --force GROUP: an option of 8,192 bytes is taken" {
    everywhere harmless large_option 'set b nodelay 1 8192: 0'
}

# bats test_tags=effect
@test "attach --connect GROUP: a bare client is served, one with timers of its own keeps them" {
    everywhere effect connect "look c: $connection" 'set d keepalive 1: 0' 'set d idle 15: 0' 'look d: connected on 15 75 9'
}

# bats test_tags=effect
@test "attach GROUP: the inner of two counts" {
    everywhere effect nested "look b: $connection" 'look b: connected on 300 100 9'
}

# bats test_tags=effect
@test "attach GROUP again, with other values" {
    everywhere effect attach_again "$listener" "$connection" \
        'listening on 62 12 8' 'connected on 62 12 8' 'connected on 62 12 8'
}

# bats test_tags=effect
@test "detach GROUP: the next connection is bare, no program and no map is left" {
    everywhere effect detach "$listener" "$connection" 'programs are there' \
        'listening off' 'connected off' 'connected off' 'no program is left'
}

# bats test_tags=effect
@test "run --cgroup" {
    everywhere effect run_cgroup "$listener" "$connection"
}
