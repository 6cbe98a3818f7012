#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim enable and disable: one drop-in of a systemd service, and nothing else.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# A tree with a service, and the library where the command was told that it is installed.
setup() {
    install_command
    tree=$dir/tree
    drop_in=$tree/etc/systemd/system/x.service.d/kashim.conf
    library=$(cat "$root/build/libdir")/libkashim.so
    mkdir -p "$tree/etc/systemd/system" "$tree/usr/lib/systemd/system" "$tree${library%/*}"
    cp "$KASHIM_LIB" "$tree$library"
    mkdir "$tree/bin"
    cp "$root/build/tests/steps" "$tree/bin/true"
    unit 'Environment=A=b' 'ExecStart=/bin/true'
}

# unit LINE...: the service's own file.
unit() {
    printf '%s\n' '[Unit]' 'Environment=LD_PRELOAD=not-of-the-service' '[Service]' "$@" \
        >"$tree/usr/lib/systemd/system/x.service"
}

# other NAME LINE...: another drop-in.
other() {
    mkdir -p "$tree/etc/systemd/system/x.service.d"
    printf '%s\n' '[Service]' "${@:2}" >"$tree/etc/systemd/system/x.service.d/$1"
}

enable() {
    kashim enable --root "$tree" "$@"
}

# written LINE...: the drop-in has these settings, in this order, and nothing else.
written() {
    effect 'exit status' 0 "$status"
    effect 'drop-in' "$(printf '%s\n' '[Service]' "$@")" "$(grep -v '^#' "$drop_in" 2>&1)"
}

# not_enabled TEXT: refused, and the tree is as it was.
not_enabled() {
    enable -i 60 "${2-x}"
    refused 1 "$1"
    [ ! -e "$drop_in" ] || harmless 'drop-in' none "$(cat "$drop_in")"
}

# files: all of the tree with what they hold.
files() {
    find "$tree" -type f -exec cksum {} + | sort
}

# bats test_tags=effect
@test "enable: writes the drop-in and nothing else, disable removes it" {
    local before
    before=$(files)
    enable -i 60 --intvl 10 -c 5 -u auto -p 80,90-99 --connect --force --no-children --log stderr x
    effect 'said' "wrote $drop_in" "$output"
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"' \
        'Environment="KA_INTVL=10"' 'Environment="KA_CNT=5"' 'Environment="KA_USER_TIMEOUT=auto"' \
        'Environment="KA_PORTS=80,90-99"' 'Environment="KA_CONNECT=1"' 'Environment="KA_FORCE=1"' \
        'Environment="KA_CHILDREN=0"' 'Environment="KA_LOG=stderr"'
    effect 'mode' 644 "$(stat -c %a "$drop_in")"
    effect 'the others' "$before" "$(files | grep -v kashim.conf)"
    enable -i 90 x.service
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=90"'
    kashim disable --root "$tree" x
    effect 'said' "removed $drop_in" "$output"
    effect 'the tree' "$before" "$(files)"
    effect 'the folder' gone "$([ -e "${drop_in%/*}" ] || echo gone)"
    kashim disable --root "$tree" x
    effect 'again' '0 x.service is not enabled' "$status $output"
    kashim disable --root "$tree" y
    effect 'no such unit' '1 kashim: there is no y.service' "$status ${stderr%: nothing of that name*}"
}

# environment_by_systemd: what a systemd that runs nothing makes of the tree's x.service.
environment_by_systemd() {
    local as_user=()
    [ $EUID != 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    mkdir -m 777 "$dir/run"
    "${as_user[@]}" env XDG_RUNTIME_DIR="$dir/run" \
        SYSTEMD_UNIT_PATH="$tree/etc/systemd/system:$tree/usr/lib/systemd/system:" \
        timeout 60 /lib/systemd/systemd --test --user --unit=x.service 2>/dev/null |
        sed -n '/-> Unit x.service/,/Action/s/^\t*Environment: //p'
}

# bats test_tags=effect
@test "enable: what systemd reads in it" {
    [ -x /lib/systemd/systemd ] || unless_ci 'systemd is missing'
    unit 'Environment="A=b c" "LD_PRELOAD=/a%%b.so"' 'ExecStart=/bin/true'
    enable -i 60 -p 80,90-99 x
    effect 'exit status' 0 "$status"
    effect 'environment' "$(printf '%s\n' 'A=b c' "LD_PRELOAD=/a%b.so:$library" KA_IDLE=60 KA_PORTS=80,90-99)" \
        "$(environment_by_systemd)"
}

# bats test_tags=effect
@test "enable: the environment counts" {
    KA_IDLE=99 KA_CNT=7 enable -i 60 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"' 'Environment="KA_CNT=7"'
}

# bats test_tags=effect
@test "enable: an LD_PRELOAD of the unit is extended" {
    unit 'Environment="A=b c" LD_PRELOAD=/a.so' 'ExecStart=/bin/true'
    enable x
    written "Environment=\"LD_PRELOAD=/a.so:$library\""
    unit '# Environment=LD_PRELOAD=/no.so' "Environment='LD_PRELOAD=/a.so /%p.so' \\" '# a comment between' '  C=d'
    enable x
    written "Environment=\"LD_PRELOAD=/a.so /%p.so:$library\""
    other a.conf 'Environment=LD_PRELOAD=/c.so'
    enable x
    written "Environment=\"LD_PRELOAD=/c.so:$library\""
    other a.conf 'Environment='
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
    other a.conf "Environment=LD_PRELOAD=/a.so:$library"
    enable x
    written "Environment=\"LD_PRELOAD=/a.so:$library\""
}

# bats test_tags=effect
@test "enable: drop-ins of other names and places count as systemd has it" {
    mkdir -p "$tree"/run/systemd/system/{x.service.d,service.d} "$tree/usr/lib/systemd/system/x.service.d"
    printf '[Service]\nEnvironment=LD_PRELOAD=/all.so\n' >"$tree/run/systemd/system/service.d/a.conf"
    enable x
    written "Environment=\"LD_PRELOAD=/all.so:$library\""
    printf '[Service]\nEnvironment=LD_PRELOAD=/usr.so\n' >"$tree/usr/lib/systemd/system/x.service.d/b.conf"
    enable x
    written "Environment=\"LD_PRELOAD=/usr.so:$library\""
    printf '[Service]\nEnvironment=LD_PRELOAD=/run.so\n' >"$tree/run/systemd/system/x.service.d/b.conf"
    enable x
    written "Environment=\"LD_PRELOAD=/run.so:$library\""
    other b.conf 'Environment=LD_PRELOAD=/etc.so'
    enable x
    written "Environment=\"LD_PRELOAD=/etc.so:$library\""
}

# bats test_tags=effect
@test "enable: what is taken back later doesn't count" {
    printf 'LD_PRELOAD=/f.so\n' >"$tree/etc/vars"
    unit 'EnvironmentFile=/etc/vars' 'UnsetEnvironment=A LD_PRELOAD' 'UnsetEnvironment=KA_IDLE' 'ExecStart=/bin/true' \
        RootDirectory=/srv RootImage=/srv.img
    other zz.conf 'EnvironmentFile=' 'UnsetEnvironment=' 'UnsetEnvironment=B' RootDirectory= RootImage=
    enable -i 60 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"'
}

# bats test_tags=effect
@test "enable: a drop-in that is masked, and masks those of its name" {
    mkdir -p "$tree/etc/systemd/system/x.service.d" "$tree/usr/lib/systemd/system/x.service.d"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/usr/lib/systemd/system/x.service.d/zz.conf"
    ln -s /dev/null "$tree/etc/systemd/system/x.service.d/zz.conf"
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
    ln -sf ../../../../dev/null "$tree/etc/systemd/system/x.service.d/zz.conf"
    enable -i 50 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=50"'
    ln -sf /no/such/file "$tree/etc/systemd/system/x.service.d/zz.conf"
    enable -i 60 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"'
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a drop-in that can't be read" {
    mkdir -p "$tree/etc/systemd/system/x.service.d/zz.conf"
    not_enabled '/etc/systemd/system/x.service.d/zz.conf: not a file'
}

# bats test_tags=effect
@test "enable: a drop-in of the same name in another folder is hidden" {
    mkdir -p "$tree/etc/systemd/system/x.service.d" "$tree/usr/lib/systemd/system/x.service.d"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/usr/lib/systemd/system/x.service.d/zz.conf"
    : >"$tree/etc/systemd/system/x.service.d/zz.conf"
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
}

# bats test_tags=effect
@test "enable: a file elsewhere that is linked in is a unit of the link's name" {
    mkdir -p "$tree/opt" "$tree/etc/systemd/system/w.service.d"
    mv "$tree/usr/lib/systemd/system/x.service" "$tree/opt/x-prod.service"
    ln -s /opt/x-prod.service "$tree/etc/systemd/system/x.service"
    ln -s ../../../opt/x-prod.service "$tree/etc/systemd/system/w.service"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/etc/systemd/system/w.service.d/zz.conf"
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
}

# bats test_tags=effect
@test "enable: an instance that is linked to its template" {
    mv "$tree/usr/lib/systemd/system/x.service" "$tree/usr/lib/systemd/system/y@.service"
    ln -s /usr/lib/systemd/system/y@.service "$tree/etc/systemd/system/y@i.service"
    enable y@i
    effect 'said' "wrote $tree/etc/systemd/system/y@i.service.d/kashim.conf" "$output"
    ln -s /usr/lib/systemd/system/y@.service "$tree/etc/systemd/system/z@.service"
    enable z@i
    effect 'an alias' '1 kashim: z@i.service is another name of y@i.service: name that' "$status $stderr"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: what is attached, and generated early, counts" {
    local folder
    for folder in etc/systemd/system.attached run/systemd/system.attached run/systemd/generator.early; do
        mkdir -p "$tree/$folder/x.service.d"
        printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/$folder/x.service.d/zz.conf"
        not_enabled "/$folder/x.service.d/zz.conf has UnsetEnvironment= of one of ours"
        rm -r "${tree:?}/$folder"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a byte order mark in front of a drop-in" {
    mkdir -p "$tree/etc/systemd/system/x.service.d"
    printf '\357\273\277[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/etc/systemd/system/x.service.d/zz.conf"
    not_enabled 'zz.conf has UnsetEnvironment= of one of ours'
}

# bats test_tags=harmless,clumsy:mute
@test "enable: what is renamed elsewhere meanwhile hides no drop-in" {
    need strace
    mkdir -p "$tree/srv/x.service.d"
    ln -s ../../../../srv/x.service.d "$tree/usr/lib/systemd/system/x.service.d"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/srv/x.service.d/zz.conf"
    as 'strace -qq -o /dev/null -e inject=openat2:error=EAGAIN:when=1+2' "$dir/kashim" enable --root "$tree" x
    refused 1 'zz.conf has UnsetEnvironment= of one of ours'
    as 'timeout 20 strace -qq -o /dev/null -e inject=openat2:error=EAGAIN' "$dir/kashim" enable --root "$tree" x
    refused 1 'Resource temporarily unavailable'
}

# bats test_tags=effect
@test "enable: a file of variables that isn't there" {
    unit 'EnvironmentFile=-/etc/missing' 'ExecStart=/bin/true'
    enable -i 60 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"'
}

# bats test_tags=effect
@test "enable: templates and instances" {
    mv "$tree/usr/lib/systemd/system/x.service" "$tree/usr/lib/systemd/system/a-x@.service"
    mkdir -p "$tree"/etc/systemd/system/{a-x@,a-}.service.d
    printf '[Service]\nEnvironment=LD_PRELOAD=/prefix.so\n' >"$tree/etc/systemd/system/a-.service.d/a.conf"
    drop_in=$tree/etc/systemd/system/a-x@one.service.d/kashim.conf
    enable a-x@one
    written "Environment=\"LD_PRELOAD=/prefix.so:$library\""
    printf '[Service]\nEnvironment=LD_PRELOAD=/template.so\n' >"$tree/etc/systemd/system/a-x@.service.d/b.conf"
    enable a-x@one
    written "Environment=\"LD_PRELOAD=/template.so:$library\""
    drop_in=$tree/etc/systemd/system/a-x@.service.d/kashim.conf
    enable a-x@
    written "Environment=\"LD_PRELOAD=/template.so:$library\""
}

# in_order UNIT FILE...: one that is nearer counts, until it is gone.
in_order() {
    local file
    for file in "${@:2}"; do
        mkdir -p "$tree/${file%/*}"
        printf '[Service]\nEnvironment=LD_PRELOAD=/%s\n' "$file" >"$tree/$file"
    done
    drop_in=$tree/etc/systemd/system/$1.service.d/kashim.conf
    for file in "${@:2}"; do
        enable "$1"
        written "Environment=\"LD_PRELOAD=/$file:$library\""
        rm "$tree/$file"
    done
    enable "$1"
    written "Environment=\"LD_PRELOAD=$library\""
}

# bats test_tags=effect
@test "enable: drop-ins of templates and prefixes, in systemd's order" {
    local e=etc/systemd/system u=usr/lib/systemd/system
    cp "$tree/$u/x.service" "$tree/$u/a-b-c@.service"
    mkdir -p "$tree/$e/a-b-c.service.d" "$tree/$e/a@i.service.d"
    printf '[Service]\nEnvironment=LD_PRELOAD=/no.so\n' | tee "$tree/$e/a-b-c.service.d/a.conf" >"$tree/$e/a@i.service.d/a.conf"
    in_order a-b-c@i "$e"/{a-b-c@i,a-b-c@,a-b-,a-,a-b-@i,a-b-@,a-@i,a-@}.service.d/a.conf \
        "$u"/{a-b-c@i,a-}.service.d/a.conf "$e/service.d/a.conf"
    cp "$tree/$u/x.service" "$tree/$u/a.b-c--d-.service"
    in_order a.b-c--d- "$e"/{a.b-c--d-,a.b-c--,a.b-c-,a.b-}.service.d/a.conf
}

# bats test_tags=effect
@test "enable: drop-ins of the unit's other names" {
    local e=etc/systemd/system u=usr/lib/systemd/system
    ln -s x.service "$tree/$u/y.service"
    ln -s /etc/systemd/system/y.service "$tree/$e/z-z.service"
    ln -s z-z.service "$tree/$u/x.service.wants"
    in_order x {"$u/x","$e/y","$u/y"}.service.d/a.conf "$e/service.d/a.conf"
    in_order x {"$e/z-z","$e/z-"}.service.d/a.conf "$e/service.d/a.conf"
    cp "$tree/$u/x.service" "$tree/$u/t@.service"
    ln -s t@.service "$tree/$u/other@.service"
    ln -s t@.service "$tree/$u/more@j.service"
    mkdir "$tree/$e/more@j.service.d"
    printf '[Service]\nEnvironment=LD_PRELOAD=/no.so\n' >"$tree/$e/more@j.service.d/a.conf"
    in_order t@i "$e"/{t@i,other@i,other@}.service.d/a.conf
    cp "$tree/$u/x.service" "$tree/$e/y.service"
    in_order x "$u/x.service.d/a.conf"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n' >"$tree/$e/other@.service.d/zz.conf"
    enable t@i
    effect 'refused' '1 kashim: t@i.service: not enabled: /etc/systemd/system/other@.service.d/zz.conf has UnsetEnvironment= of one of ours, which would undo it' "$status $stderr"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: what would undo or override ours is refused, and named" {
    other override.conf 'Environment=LD_PRELOAD=/o.so'
    not_enabled '/etc/systemd/system/x.service.d/override.conf has LD_PRELOAD, which would override ours'
    other override.conf 'Environment=A=b "KA_IDLE=5"'
    not_enabled 'has KA_IDLE, which would override ours'
    other override.conf 'Environment='
    not_enabled 'has an empty Environment=, which would undo ours'
    rm "$tree/etc/systemd/system/x.service.d/override.conf"
    unit 'UnsetEnvironment=A LD_PRELOAD'
    not_enabled 'has UnsetEnvironment= of one of ours, which would undo it'
    unit "UnsetEnvironment=LD_PRELOAD=$library"
    not_enabled 'has UnsetEnvironment= of one of ours, which would undo it'
    printf 'A=b\r LD_PRELOAD=/f.so\r\n' >"$tree/etc/vars"
    unit 'EnvironmentFile=/etc/vars'
    not_enabled '/etc/vars has LD_PRELOAD, and as an EnvironmentFile= overrides ours'
    printf 'A=b\n LD_PRELOAD=/f.so\n' >"$tree/etc/vars"
    unit 'EnvironmentFile=-/etc/vars'
    not_enabled '/etc/vars has LD_PRELOAD, and as an EnvironmentFile= overrides ours'
    unit 'RootDirectory=/srv'
    not_enabled "has RootDirectory, and there the library is missing: $library"
    unit 'RootImage=/srv.img'
    not_enabled 'has RootImage, and there the library is missing'
}

# bats test_tags=harmless,clumsy:mute
@test "enable: KA_OFF=1, of the unit or of the caller" {
    KA_OFF=1 not_enabled 'enable: KA_OFF=1 is set, so nothing was done'
    local line
    unit 'EnvironmentFile=/etc/vars'
    for line in KA_OFF=1 'KA_OFF="1"' "KA_OFF = '1' " 'KA_OFF=\\\n1' 'KA_OFF=0\nKA_OFF=1' 'A="b\n"\nKA_OFF=1' \
        '# \\\nKA_OFF=1' 'A\nKA_OFF=1' 'KA_OFF=\\1' 'A="\\""\nKA_OFF=1'; do
        printf 'A=b\n%b\n' "$line" >"$tree/etc/vars"
        not_enabled 'x.service: not enabled: /etc/vars has KA_OFF=1, with which ours does nothing'
    done
    for line in KA_OFF=10 'KA_OFF=1\nKA_OFF=0' 'OPTS="-a \\\nKA_IDLE=3 -b\nKA_OFF=1\n"' "A='b\nKA_OFF=1'" ';KA_OFF=1' \
        'A=b\\\nKA_OFF=1' 'KA_OFF=' 'KA_OFF="\\1"'; do
        printf 'A=b\n%b\n' "$line" >"$tree/etc/vars"
        enable -i 60 x
        says 0 "wrote $drop_in"
        rm "$drop_in"
    done
    printf 'KA_OFF=0\n' >"$tree/etc/vars"
    unit 'Environment=KA_OFF=1' 'EnvironmentFile=/etc/vars'
    enable x
    says 0 "wrote $drop_in"
    rm "$drop_in"
    unit 'Environment=A=b KA_OFF=1'
    not_enabled '/usr/lib/systemd/system/x.service has KA_OFF=1, with which ours does nothing'
    other zz.conf 'Environment=KA_OFF=1'
    not_enabled '/etc/systemd/system/x.service.d/zz.conf has KA_OFF=1, with which ours does nothing'
    other a.conf 'Environment='
    other zz.conf 'Environment=KA_OFF=0'
    enable x
    says 0 "wrote $drop_in"
    rm "$tree/etc/systemd/system/x.service.d/zz.conf"
    enable x
    says 0 "wrote $drop_in"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a program that no preload reaches" {
    cp "$root/build/tests/static_server" "$tree/bin/static"
    local why='linked statically: there is no loader to preload anything. What can help, as kashim(1) has it for a service: kashim run --supervise'
    unit 'ExecStart=-@/bin/static y'
    not_enabled "x.service: not enabled: ExecStart=/bin/static: $why"
    unit 'ExecStart=static'
    not_enabled "ExecStart=static: $why"
    printf '#!/usr/bin/env static\n' >"$tree/bin/script"
    chmod +x "$tree/bin/script"
    ln -s /bin/script "$tree/bin/link"
    unit 'ExecStart=/bin/link'
    not_enabled "its interpreter, /bin/static: ${why%%.*}"
    mkdir -p "$tree/jail/bin" "$tree/jail${library%/*}"
    cp "$KASHIM_LIB" "$tree/jail$library"
    cp "$tree/bin/static" "$tree/jail/bin/true"
    unit 'ExecStart=/bin/true' 'RootDirectory=/jail'
    not_enabled "ExecStart=/bin/true: $why"
    printf '#!/bin/true\n' >"$tree/bin/script"
    unit 'ExecStart=/bin/script'
    KA_CHILDREN=0 not_enabled 'with --no-children it would go bare'
    unit 'ExecStart=/bin/script' 'Environment=KA_CHILDREN=0'
    not_enabled 'with --no-children it would go bare'
    other a.conf 'Environment='
    enable x
    says 0 "wrote $drop_in"
}

# bats test_tags=effect
@test "enable: a program that can't be looked into is let pass, which is said" {
    unit 'ExecStart=/bin/%i'
    enable x
    effect 'specifier' 'kashim: x.service: not looked into: ExecStart=/bin/%i: it has a specifier' "$stderr"
    written "Environment=\"LD_PRELOAD=$library\""
    unit 'ExecStart=/bin/missing'
    enable x
    effect 'missing' 'kashim: x.service: not looked into: ExecStart=/bin/missing: No such file or directory' "$stderr"
    chmod -x "$tree/bin/true"
    unit 'ExecStart=/bin/true'
    enable x
    effect 'not executable' 'kashim: x.service: not looked into: ExecStart=/bin/true: Permission denied' "$stderr"
    cp "$root/build/tests/static_server" "$tree/bin/static"
    unit 'ExecStart=/bin/static' 'ExecStart='
    enable x
    effect 'taken back' '' "$stderr"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: no such unit, masked, another name, no service, no library" {
    not_enabled 'there is no y.service' y
    ln -s /dev/null "$tree/etc/systemd/system/x.service"
    not_enabled 'x.service is masked'
    ln -sf /usr/lib/systemd/system/x.service "$tree/etc/systemd/system/z.service"
    not_enabled 'z.service is another name of x.service: name that' z
    ln -s "$(printf 'x%.0s' {1..4090})" "$tree/etc/systemd/system/long.service"
    not_enabled '/etc/systemd/system/long.service: File name too long' long
    rm "$tree/etc/systemd/system/x.service"
    enable x.socket
    refused 2 "'x.socket' is no service: a socket unit has its own KeepAlive="
    enable ../x
    refused 2 "'../x' is no name of a service"
    enable ''
    refused 2 "'' is no name of a service"
    enable
    refused 2 'enable: which UNIT?'
    enable x y
    refused 2 'enable: which UNIT?'
    enable -i 0 x
    refused 2 "--idle: '0' is not accepted"
    enable --now x
    refused 2 '--now is for this system, and --root for another'
    kashim enable --root "$dir/nowhere" x
    refused 1 "--root $dir/nowhere: No such file or directory"
    rm "$tree$library"
    not_enabled "the library is missing: $tree$library (make install DESTDIR=$tree puts it there)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a drop-in of this name that kashim didn't write stays" {
    other kashim.conf 'Environment=A=mine'
    local before
    before=$(files)
    enable x
    refused 1 "$drop_in was not written by kashim: left as it is"
    kashim disable --root "$tree" x
    refused 1 "$drop_in was not written by kashim: left as it is"
    harmless 'the tree' "$before" "$(files)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable and disable: lines that were added to the drop-in aren't lost" {
    local line before
    for line in '# mine' Nice=7 '[Unit]' 'Environment="KA_IDLE=60" "A=mine"' 'Environment="A=mine"' 'Environment="KA_OFF=1"' 'Environment=' ''; do
        enable -i 60 -p 80,90-99 --log stderr x
        says 0 "wrote $drop_in"
        echo "$line" >>"$drop_in"
        before=$(files)
        enable x
        refused 1 "$drop_in has a line that kashim didn't write: left as it is"
        kashim disable --root "$tree" x
        refused 1 "$drop_in has a line that kashim didn't write: left as it is"
        harmless 'the tree' "$before" "$(files)"
        rm "$drop_in"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a drop-in of this name in another folder, which would be hidden or hide ours" {
    local folder before
    for folder in usr/lib/systemd/system/x.service.d etc/systemd/system/service.d etc/systemd/system.control/x.service.d; do
        mkdir -p "$tree/$folder"
        printf '[Service]\nNice=7\n' >"$tree/$folder/kashim.conf"
        before=$(files)
        not_enabled "x.service: not enabled: /$folder/kashim.conf has the name of ours"
        harmless 'the tree' "$before" "$(files)"
        rm -r "${tree:?}/$folder"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "enable: where nothing can be written, nothing is left" {
    need strace
    local before
    before=$(files)
    as 'strace -qq -o /dev/null -e inject=renameat:error=EROFS' "$dir/kashim" enable --root "$tree" x
    refused 1 "$drop_in: Read-only file system"
    as 'strace -qq -o /dev/null -e inject=fsync:error=ENOSPC' "$dir/kashim" enable --root "$tree" x
    refused 1 "$drop_in: No space left on device"
    harmless 'the tree' "$before" "$(files)"
    as 'strace -qq -o /dev/null -e inject=mkdirat:error=EROFS' "$dir/kashim" enable --root "$tree" x
    refused 1 "${drop_in%/*}: Read-only file system"
    harmless 'the folder' none "$([ -e "${drop_in%/*}" ] || echo none)"
    mkdir -p "$drop_in.new"
    enable x
    refused 1 "$drop_in.new: File exists"
    rmdir "$drop_in.new"
    harmless 'the tree' "$before" "$(files)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: the folder for it can't be made, or was there before" {
    need strace
    rmdir "$tree/etc/systemd/system"
    enable x
    refused 1 "$tree/etc/systemd/system: No such file or directory"
    mkdir -p "${drop_in%/*}"
    as 'strace -qq -o /dev/null -e inject=fsync:error=ENOSPC' "$dir/kashim" enable --root "$tree" x
    refused 1 "$drop_in: No space left on device"
    harmless 'the folder' there "$([ -d "${drop_in%/*}" ] && echo there)"
}

# bats test_tags=effect
@test "enable: all may read what it makes" {
    (umask 077 && "$dir/kashim" enable --root "$tree" x) || status=$?
    effect 'modes' '755 644' "$(stat -c %a "${drop_in%/*}" "$drop_in" | paste -sd' ')"
}

# bats test_tags=effect
@test "enable: links of the tree stay in the tree" {
    mkdir -p "$tree/opt"
    mv "$tree/usr/lib/systemd/system/x.service" "$tree/opt"
    ln -s /opt/x.service "$tree/etc/systemd/system/x.service"
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
}

# on_this_system SYSTEMCTL COMMANDS: runs them in $dir where the service and the library are
# this system's own, and SYSTEMCTL is what $dir/systemctl does.
on_this_system() {
    { [ $EUID = 0 ] && unshare -m true 2>/dev/null; } || unless_ci 'takes a mount namespace'
    printf '#!/bin/sh\n%s\n' "$1" >"$dir/systemctl"
    chmod +x "$dir/systemctl"
    cat >"$dir/here" <<END
mount -t tmpfs none /etc/systemd/system
mkdir -p '${library%/*}'
mount -t tmpfs none '${library%/*}'
cp '$KASHIM_LIB' '$library'
cp '$tree/usr/lib/systemd/system/x.service' /etc/systemd/system
cd '$dir'
$2
END
    status=0
    output=$(unshare -m sh "$dir/here" 2>&1) || status=$?
}

# bats test_tags=effect
@test "enable: says what to run next, and runs it with --now" {
    on_this_system 'echo "systemctl $*"' "PATH=$dir:\$PATH; ./kashim enable x; ./kashim enable --now x; ./kashim disable --now x"
    effect 'said' "wrote /etc/systemd/system/x.service.d/kashim.conf
now run: systemctl daemon-reload && systemctl restart 'x.service'
wrote /etc/systemd/system/x.service.d/kashim.conf
systemctl -- daemon-reload
systemctl -- restart x.service
removed /etc/systemd/system/x.service.d/kashim.conf
systemctl -- daemon-reload
systemctl -- restart x.service" "$output"
}

# bats test_tags=effect
@test "enable: a unit whose name begins with a dash" {
    on_this_system 'echo "systemctl $*"' "PATH=$dir:\$PATH; mv /etc/systemd/system/x.service /etc/systemd/system/-x.service
./kashim enable -- -x; ./kashim disable --now -- -x"
    effect 'said' "wrote /etc/systemd/system/-x.service.d/kashim.conf
now run: systemctl daemon-reload && systemctl restart -- '-x.service'
removed /etc/systemd/system/-x.service.d/kashim.conf
systemctl -- daemon-reload
systemctl -- restart -x.service" "$output"
}

# bats test_tags=effect
@test "enable and disable: what the root's name would have a terminal do" {
    mv "$tree" "$dir/"$'t\e[2J'
    kashim enable --root "$dir/"$'t\e[2J' x
    effect 'said' "wrote $dir/t?[2J/etc/systemd/system/x.service.d/kashim.conf" "$output"
    kashim disable --root "$dir/"$'t\e[2J' x
    effect 'said' "removed $dir/t?[2J/etc/systemd/system/x.service.d/kashim.conf" "$output"
}

# bats test_tags=effect
@test "enable: a root directory of the service that has the library, or is /" {
    unit RootDirectory=/ ExecStart=/bin/true
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
    unit RootDirectory=/srv ExecStart=/bin/static BindReadOnlyPaths=/usr
    enable -i 60 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"'
    effect 'said' "kashim: x.service: not looked into: RootDirectory=/srv, in which BindPaths= or BindReadOnlyPaths= may bring the library: $library" "$stderr"
    unit RootDirectory=/srv/%p ExecStart=/bin/true EnvironmentFile=vars
    printf 'LD_PRELOAD=/f.so\n' >"$tree/vars"
    enable -i 70 x
    written "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=70"'
    effect 'said' "kashim: x.service: not looked into: RootDirectory=/srv/%p, in which there must be the library: $library" "$stderr"
    unit RootDirectory=/jail ExecStart=/bin/true
    mkdir -p "$tree/jail${library%/*}"
    cp "$KASHIM_LIB" "$tree/jail$library"
    enable x
    written "Environment=\"LD_PRELOAD=$library\""
}

# bats test_tags=effect
@test "enable: a kernel without openat2, a bad value in the environment" {
    need strace
    as 'strace -qq -o /dev/null -e inject=openat2:error=ENOSYS' "$dir/kashim" enable --root "$tree" x
    effect '--root' '1 kashim: --root: it takes openat2(2), which the kernel refuses: Function not implemented' "$status $stderr"
    as 'strace -qq -o /dev/null -e inject=openat2:error=ENOSYS' "$dir/kashim" enable kashim-test-no-such-unit
    [[ $stderr == *'the library is missing'* || $stderr == *'there is no kashim-test-no-such-unit.service'* ]] ||
        effect 'of this system' 'a message of its own' "$stderr"
    KA_IDLE=x enable x
    effect 'environment' '2 1' "$status $(grep -c "^kashim: KA_IDLE: 'x' is not accepted" <<<"$stderr")"
}

# bats test_tags=effect
@test "enable --now: no systemctl, and one that fails" {
    on_this_system 'exit 3' "PATH=/nowhere ./kashim enable --now x; PATH=$dir ./kashim enable --now x"
    effect 'exit status' 1 "$status"
    effect 'said' 'kashim: systemctl: No such file or directory kashim: systemctl daemon-reload has failed' \
        "$(grep ^kashim <<<"$output" | paste -sd' ')"
}
