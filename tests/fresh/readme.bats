#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The commands of the README, one by one, in a fresh Debian 12: they do what it says.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/fresh/tree.bash
. "$BATS_TEST_DIRNAME/tree.bash"
# shellcheck source=tests/readme.bash
. "$BATS_TEST_DIRNAME/../readme.bash"

setup_file() {
    export tree=$BATS_FILE_TMPDIR/tree
    make_tree "$tree"
}

teardown_file() {
    rm -rf --one-file-system "$tree"
}

# What is tried on control groups has one of its own.
teardown() {
    [ ! "${group-}" ] || find "$group" -depth -type d -exec rmdir {} +
}

make_group() {
    local mount
    mount=$(findmnt -nfo TARGET -t cgroup2) || unless_ci 'cgroup v2 is not mounted here'
    group=$mount/kashim-readme-$$.slice
    mkdir "$group"
}

# copied COMMAND: it stands there just so; where it ends, what it does is up to the test.
copied() {
    local count
    count=$(commands | grep -cFx -- "$1") || :
    effect "in the README: $1" 1 "$count"
    echo "$1" >>"$BATS_FILE_TMPDIR/copied"
}

# tried SCRIPT: it ends well in the tree.
tried() {
    local said status=0
    said=$(in_tree "$tree" "$@" 2>&1) || status=$?
    effect "${*: -1}" 0 "$status$([ $status = 0 ] || printf '\n%s' "$said" | tail -n 30)"
    output=$said
}

# bats test_tags=effect
@test "README: see it" {
    copied 'scripts/install-deps.sh && make demo'
    tried 'lock_apt 5; scripts/install-deps.sh && make demo'
}

# bats test_tags=effect
@test "two kernels at work: the demo pair by hand" {
    local server="LD_PRELOAD=\$PWD/build/libkashim.so KA_IDLE=1 KA_INTVL=1 KA_CNT=10 build/demo-server 127.0.0.1"
    tried alone "start '$server'
        build/demo-client 127.0.0.1 >/tmp/client & sleep 0.2
        timeout 10 tcpdump -n -c4 -i lo port 12345 | tee /tmp/probes
        grep -c 'Flags \[\.\], ack .* length 0' /tmp/probes | grep -x 4
        grep -q accepted /tmp/server && grep -q connected /tmp/client"
}

# bats test_tags=effect
@test "README: prove it for your own server" {
    local proof='scripts/verify-timing.sh --idle 2 --intvl 1 --cnt 3 --port 7000 -- redis-server --port 7000 --protected-mode no --tcp-keepalive 0'
    copied "$proof"
    tried 'apt-get -qq update && apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends redis-server'
    tried "$proof"
    copied 'scripts/verify-timing.sh --in-flight --rto-max 1'
    if [[ $("$root/build/kashim" check) =~ KA_RTO_MAX\ *yes ]]; then
        tried 'scripts/verify-timing.sh --in-flight --rto-max 1'
    fi
}

# bats test_tags=effect
@test "README: install, run, attach, status" {
    copied 'make && sudo make install'
    copied 'kashim run --idle 60 -- ./anyserver'
    copied 'LD_PRELOAD=libkashim.so KA_IDLE=60 ./anyserver'
    copied 'sudo kashim attach --idle 60 --children --port 12345'
    copied 'sudo kashim status --port 12345'
    copied 'kashim check ./anyserver'
    tried 'make && sudo make install && gcc -o anyserver tests/fresh/anyserver.c'
    tried 'kashim check ./anyserver'
    effect 'check' '/src/anyserver: yes: kashim run' "${output/#.\//\/src/}"
    tried alone "start 'kashim run --idle 60 -- ./anyserver'; client; has_idle_60
        sudo kashim status --port 12345; stop"
    effect 'status' 'unprotected: none' "$(tail -n 1 <<<"$output")"
    tried alone "start 'LD_PRELOAD=libkashim.so KA_IDLE=60 ./anyserver'; client; has_idle_60; kashim status; stop"
    local attach
    for attach in 'kashim attach --idle 60 --port 12345' 'sudo kashim attach --idle 60 --children --port 12345'; do
        tried alone "start ./anyserver; client; keepalive | grep -x off; $attach; has_idle_60; stop"
    done
}

# bats test_tags=effect
@test "README: a static program" {
    local run='sudo kashim run --cgroup --idle 60 -- ./static-server'
    copied "$run"
    make_group
    tried 'gcc -static -o static-server tests/fresh/anyserver.c'
    tried '! kashim run -- ./static-server'
    tried alone "echo 0 >$group/cgroup.procs; start '$run'; client; has_idle_60; stop"
}

# bats test_tags=effect
@test "README: a service" {
    copied 'sudo kashim enable --idle 60 --now anyserver'
    # No systemd runs in the tree: what enable writes there, and what that does in a group
    tried 'mkdir -p /etc/systemd/system
        printf "[Service]\nExecStart=/src/anyserver\n" >/etc/systemd/system/anyserver.service
        sudo kashim enable --root / --idle 60 anyserver
        cat /etc/systemd/system/anyserver.service.d/kashim.conf'
    effect 'the drop-in' "$(block ini 1)" "$(grep -x -A 9 '\[Service\]' <<<"$output")"
    make_group
    tried alone "echo 0 >$group/cgroup.procs
        sed -n 's/^ExecStartPre=-+//p' /etc/systemd/system/anyserver.service.d/kashim.conf | bash
        start ./anyserver; client; has_idle_60; stop"
    tried 'sudo kashim disable --root / anyserver; ! ls -d /etc/systemd/system/anyserver.service.d'
}

# bats test_tags=effect
@test "README: a unit and a container that run" {
    local unit attach
    make_group
    for unit in anyserver.service docker-1f1e43ad.scope; do
        attach="sudo kashim attach --idle 60 $unit"
        copied "$attach"
        mkdir "$group/$unit"
        tried alone "(echo 0 >$group/$unit/cgroup.procs; start ./anyserver)
            client; keepalive | grep -x off; $attach; has_idle_60; stop"
    done
}

# bats test_tags=effect
@test "README: xinetd" {
    local env='env = LD_PRELOAD=/usr/local/lib/libkashim.so KA_IDLE=60'
    effect 'in the README' 1 "$(grep -cF "\`$env\`" "$root/README.md")"
    cat >"$tree/etc/anyserver.conf" <<END
service anyserver
{
    type        = UNLISTED
    socket_type = stream
    protocol    = tcp
    port        = 12345
    wait        = no
    user        = nobody
    server      = /usr/bin/cat
    $env
}
END
    tried 'apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends xinetd'
    tried alone "start 'xinetd -dontfork -f /etc/anyserver.conf'; client; has_idle_60; stop"
}

# bats test_tags=effect
@test "README: packages, for a 64-bit and a 32-bit server; removal leaves nothing" {
    copied 'scripts/install-deps.sh deb && make deb'
    copied 'sudo apt-get install ./build/deb/*_amd64.deb'
    tried 'rm anyserver static-server; make uninstall && scripts/install-deps.sh deb && make deb'
    tried 'sudo apt-get -qq -o Dpkg::Use-Pty=0 install ./build/deb/*_amd64.deb
        dpkg --add-architecture i386 && apt-get -qq update
        apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends ./build/deb/libkashim_*_i386.deb libc6:i386
        gcc -o anyserver tests/fresh/anyserver.c
        i686-linux-gnu-gcc -o anyserver32 tests/fresh/anyserver.c'
    local server
    for server in ./anyserver ./anyserver32; do
        tried alone "start 'LD_PRELOAD=libkashim.so KA_IDLE=60 $server'; client; has_idle_60; stop; ! grep ld.so /tmp/server"
    done
    tried 'zcat /usr/share/man/man1/kashim.1.gz | head -n 1; kashim --version
        apt-get -qq -o Dpkg::Use-Pty=0 purge -y kashim libkashim libkashim:i386
        ! find / -xdev -path /src -prune -o -path /proc -prune -o -path /tmp -prune -o -name "*kashim*" -print | grep .'
}

# bats test_tags=effect
@test "packages: the same bytes again elsewhere, and Debian's test of them" {
    tried 'mkdir /elsewhere && tar -xzf build/kashim-*.tar.gz -C /elsewhere
        (umask 077 && TZ=Asia/Tokyo make -C /elsewhere/kashim-* deb)
        cd build/deb && sha256sum ./*.deb ./*.dsc ./*.tar.* >/tmp/sums
        cd /elsewhere/kashim-*/build/deb && sha256sum -c /tmp/sums'
    tried 'apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends autopkgtest
        autopkgtest build/deb/libkashim_*_amd64.deb build/deb/kashim_*_amd64.deb build/deb/*.dsc -- null
        apt-get -qq -o Dpkg::Use-Pty=0 purge -y kashim libkashim'
}

# bats test_tags=effect
@test "packages: RPM's, unpacked" {
    tried 'scripts/install-deps.sh deb && make -s rpm && cp build/rpm/*.rpm /tmp && make -s rpm && cd build/rpm && for p in *.rpm; do cmp $p /tmp/$p; done'
    tried 'rpm -qp --qf "[%{=NAME} %{FILEMODES:perms} %{FILENAMES}\n]" build/rpm/*.x86_64.rpm | grep -v build-id'
    effect 'files' "$(sed "s/VERSION/$(sed -n 's/^VERSION = //p' "$root/Makefile")/" <<'END'
kashim -rwxr-xr-x /usr/bin/kashim
kashim -rw-r--r-- /usr/share/bash-completion/completions/kashim
kashim -rw-r--r-- /usr/share/fish/vendor_completions.d/kashim.fish
kashim drwxr-xr-x /usr/share/licenses/kashim-VERSION
kashim -rw-r--r-- /usr/share/licenses/kashim-VERSION/LICENSE
kashim -rw-r--r-- /usr/share/man/man1/kashim.1
kashim -rw-r--r-- /usr/share/zsh/site-functions/_kashim
kashim-libs -rwxr-xr-x /usr/lib64/libkashim.so
kashim-libs drwxr-xr-x /usr/share/licenses/kashim-libs-VERSION
kashim-libs -rw-r--r-- /usr/share/licenses/kashim-libs-VERSION/LICENSE
kashim-libs -rw-r--r-- /usr/share/man/man7/libkashim.7
END
)" "$output"
    tried 'apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends cpio
        mkdir /tmp/rpm && cd /tmp/rpm && for p in /src/build/rpm/*.x86_64.rpm; do rpm2cpio $p | cpio -id; done
        usr/bin/kashim --version'
    tried 'gcc -o anyserver tests/fresh/anyserver.c'
    tried alone "start 'LD_PRELOAD=/tmp/rpm/usr/lib64/libkashim.so KA_IDLE=60 ./anyserver'; client; has_idle_60; stop"
}

# bats test_tags=effect
@test "README: every command was copied" {
    effect 'commands without a test' '' "$(commands | grep -vFx -f "$BATS_FILE_TMPDIR/copied")"
}
