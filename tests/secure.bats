#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Secure execution: setuid, setgid, file capabilities. The loader then takes a library only
# from a system folder, by its name alone, and if the file itself is setuid (ld.so(8)).

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# privileged COMMAND PROGRAM [VAR=VALUE...]: makes PROGRAM, a copy of steps, special by the
# command and runs it as an ordinary user, in a mount namespace where the library stands in
# for one that nobody needs.
privileged() {
    [ $EUID = 0 ] || unless_ci 'setuid programs are made by root'
    need setpriv unshare setcap
    local victim
    victim=$(ldd "$root/build/tests/steps" | sed -n 's|.*=> \(.*/\)libc\.so\.6 .*|\1libBrokenLocale.so.1|p')
    [ -e "$victim" ] || unless_ci 'there is no libBrokenLocale.so.1 to stand in for'
    # not in /tmp, which may be mounted nosuid: in a tmpfs of the namespace
    output=$(without_harness timeout 60 unshare --mount sh -eu -c '
        victim=$1 library=$2 steps=$3 sockopts=$4 make=$5
        shift 5
        mount -t tmpfs -o mode=755 none /mnt
        install -m 4755 "$library" /mnt/library
        mount --bind /mnt/library "$victim"
        install -m 755 "$steps" /mnt/steps
        install -m 755 "$sockopts" /mnt/sockopts
        $make /mnt/steps
        exec setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="/mnt:$PATH" \
            LD_PRELOAD=libBrokenLocale.so.1 "$@" /mnt/steps "tcp4 a" "listen a" "connect c a" \
            "accept a b" "options b"' - "$victim" "$KASHIM_LIB" "$root/build/tests/steps" \
        "$root/build/tests/sockopts" "$1" "${@:2}" 2>"$BATS_TEST_TMPDIR/stderr")
    stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
}

# bats test_tags=effect
@test "an ordinary program reads its settings there, and complains" {
    privileged true KA_IDLE=61 KA_CNT=rubbish
    effect 'options' 'keepalive=1 idle=61 intvl=30 cnt=6' "$(result 'options b')"
    effect 'lines' 1 "$(grep -c '^kashim: KA_CNT="rubbish"' <<<"$stderr")"
}

# bats test_tags=effect
@test "setuid, setgid, file capabilities: no variable is read, and nothing printed" {
    local make
    for make in 'chmod u+s' 'chmod g+s' 'setcap cap_net_bind_service+ep'; do
        privileged "$make" KA_IDLE=61 KA_CNT=rubbish KA_LOG=stderr KA_USER_TIMEOUT=9
        effect "$make" 'keepalive=1 idle=120 intvl=30 cnt=6' "$(result 'options b')"
        harmless "$make, stderr" '' "$stderr"
    done
}

# bats test_tags=effect
@test "neither can it be switched off there" {
    privileged 'chmod u+s' KA_OFF=1 KA_PORTS=1 LISTEN_FDS=x
    effect 'options' 'keepalive=1 idle=120 intvl=30 cnt=6' "$(result 'options b')"
}
