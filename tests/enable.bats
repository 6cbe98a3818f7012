#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim enable and disable: one drop-in of a systemd unit, and nothing else. What a running
# systemd makes of it is tested in tests/systemd; here a script stands in for systemctl.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# A tree with a service, and with command and library where they are installed.
setup() {
    install_command
    tree=$dir/tree
    etc=$tree/etc/systemd/system
    lib=$tree/usr/lib/systemd/system
    drop_in=$etc/x.service.d/kashim.conf
    command=$(cat "$root/build/bindir")/kashim
    library=$(cat "$root/build/libdir")/libkashim.so
    mkdir -p "$etc" "$lib" "$tree${command%/*}" "$tree${library%/*}"
    touch "$tree$command" "$tree$library"
    unit x.service
}

# unit NAME [LINE...]: its own file.
unit() {
    printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' 'ExecStart=/bin/true' "${@:2}" >"$lib/$1"
}

enable() {
    kashim enable --root "$tree" "$@"
}

disable() {
    kashim disable --root "$tree" "$@"
}

# written LINE...: the drop-in has these, in this order, and nothing else but a comment.
written() {
    effect "exit status, with '$stderr'" 0 "$status"
    effect 'drop-in' "$(printf '%s\n' "$@")" "$(grep -v '^#' "$drop_in" 2>&1)"
}

# starts_with OPTIONS: the service does, by its drop-in.
starts_with() {
    written '[Service]' "ExecStartPre=-+$command attach ${1:+$1 }self"
}

# files: all of the tree with what they hold.
files() {
    find "$tree" -type f -exec cksum {} + | sort
}

# ---- what is written -------------------------------------------------------------------

# bats test_tags=effect
@test "enable: writes the drop-in and nothing else, disable removes it" {
    local before
    before=$(files)
    enable -i 60 --intvl 10 -c 5 -u auto -p 80,90-99 --connect --force x
    effect 'said' "wrote $drop_in" "$output$stderr"
    starts_with '--idle 60 --intvl 10 --cnt 5 --user-timeout auto --ports 80,90-99 --connect --force'
    effect 'mode' 644 "$(stat -c %a "$drop_in")"
    effect 'the others' "$before" "$(files | grep -v kashim.conf)"
    disable x
    effect 'said' "0 removed $drop_in" "$status $output$stderr"
    effect 'the tree' "$before" "$(files)"
    effect 'the folder' gone "$([ -e "${drop_in%/*}" ] || echo gone)"
    disable x
    effect 'again' '0 x.service is not enabled with kashim' "$status $output$stderr"
    enable
    effect 'list' '0 no unit is enabled with kashim' "$status $output$stderr"
    disable y
    effect 'no such unit' "1 kashim: there is no y.service in $tree" "$status $output$stderr"
}

# bats test_tags=effect
@test "enable: again, with other settings, which replaces those that are named" {
    enable x
    starts_with ''
    enable -i 60 x.service
    effect 'said' "wrote $drop_in, in place of: group defaults" "$output"
    starts_with '--idle 60'
    enable --preload -i 90 --log stderr x
    effect 'said' "wrote $drop_in, in place of: group --idle 60" "$output"
    enable --connect x
    effect 'said' "wrote $drop_in, in place of: preload KA_IDLE=90 KA_LOG=stderr" "$output"
    starts_with --connect
}

# bats test_tags=effect
@test "enable: the environment counts" {
    KA_IDLE=99 KA_CNT=7 KA_CONNECT=1 KA_FORCE=0 KA_PORTS='' enable -i 60 x
    starts_with '--idle 60 --cnt 7 --connect'
    disable x
    KA_IDLE=x enable x
    effect 'a bad value' "2 kashim: KA_IDLE: 'x' is not accepted (1 to 32767 seconds, or with s, m or h)" "$status $stderr"
    KA_OFF=1 enable x
    effect 'off' '1 kashim: enable: KA_OFF=1 is set, so nothing was done' "$status $stderr"
    effect 'the drop-in' none "$([ -e "$drop_in" ] || echo none)"
}

# bats test_tags=effect
@test "enable --preload: the library and its variables" {
    enable --preload -i 60 -p 80,90-99 --no-children --log stderr x
    written '[Service]' "Environment=\"LD_PRELOAD=$library\"" 'Environment="KA_IDLE=60"' \
        'Environment="KA_PORTS=80,90-99"' 'Environment="KA_CHILDREN=0"' 'Environment="KA_LOG=stderr"'
    effect 'said' 'kashim: x.service: if it sets LD_PRELOAD itself, that is replaced: units of another system aren'"'"'t read' "$stderr"
    disable x
    effect 'the folder' gone "$([ -e "${drop_in%/*}" ] || echo gone)"
}

# bats test_tags=effect
@test "enable: a socket unit gets systemd's own settings" {
    drop_in=$etc/x.socket.d/kashim.conf
    printf '[Socket]\nListenStream=80\n' >"$lib/x.socket"
    enable x.socket
    written '[Socket]' KeepAlive=yes KeepAliveTimeSec=120 KeepAliveIntervalSec=30 KeepAliveProbes=6
    KA_CNT=7 enable -i 61s x.socket
    effect 'said' "wrote $drop_in, in place of: socket KeepAlive=yes KeepAliveTimeSec=120 KeepAliveIntervalSec=30 KeepAliveProbes=6" "$output"
    written '[Socket]' KeepAlive=yes KeepAliveTimeSec=61 KeepAliveIntervalSec=30 KeepAliveProbes=7
    disable x.socket
    effect 'said' "0 removed $drop_in" "$status $output"
}

# manager UNIT: what a systemd that runs nothing makes of the tree's unit.
manager() {
    local as_user=()
    [ -x /lib/systemd/systemd ] || unless_ci 'systemd is missing'
    [ $EUID != 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    mkdir -p "$dir/run"
    chmod 777 "$dir/run"
    "${as_user[@]}" env XDG_RUNTIME_DIR="$dir/run" SYSTEMD_UNIT_PATH="$etc:$lib:" \
        timeout 60 /lib/systemd/systemd --test --user --unit="$1" 2>&1
}

# command_line: of the first ExecStartPre=.
command_line() {
    sed -n '/-> ExecStartPre:/{n;s/^\t*Command Line: //p}' <<<"$1"
}

# bats test_tags=effect
@test "enable: what systemd reads in it" {
    local read
    enable -i 60 -u auto -p 80,90-99 --connect --force x
    read=$(manager x.service)
    effect 'complaints' '' "$(grep kashim.conf <<<"$read" | grep -v 'DropIn Path')"
    effect 'started first' "$command attach --idle 60 --user-timeout auto --ports 80,90-99 --connect --force self" "$(command_line "$read")"
    enable --preload -i 60 -p 80,90-99 x
    effect 'environment' "LD_PRELOAD=$library KA_IDLE=60 KA_PORTS=80,90-99" \
        "$(manager x.service | sed -n '/-> Unit x.service/,/Action/s/^\t*Environment: //p' | paste -sd' ')"
    printf '[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=127.0.0.1:1\n' >"$lib/x.socket"
    enable -i 61 -n 11 -c 7 x.socket
    effect 'socket' 'KeepAlive: yes KeepAliveTimeSec: 1min 1s KeepAliveIntervalSec: 11s KeepAliveProbes: 7' \
        "$(manager x.socket | sed -n 's/^\t*\(KeepAlive.*\)/\1/p' | paste -sd' ')"
}

# bats test_tags=effect
@test "enable: a command whose path has what begins a specifier" {
    local read
    [ "${KASHIM_COMMAND-}" ] || make -s -C "$root" B="$dir/build" BINDIR="/opt/50%n" "$dir/build/kashim"
    [ "${KASHIM_COMMAND-}" ] || cp "$dir/build/kashim" "$dir"
    mkdir -p "$tree/opt/50%n"
    touch "$tree/opt/50%n/kashim"
    enable x
    read=$(manager x.service)
    effect 'started first' "/opt/50%n/kashim attach self" "$(command_line "$read")"
    disable x
    effect 'known again' "0 removed $drop_in" "$status $output"
    rm "$tree/opt/50%n/kashim"
    enable x
    [ "${KASHIM_COMMAND-}" ] || effect 'where this build looks' \
        "kashim: the command is missing: $tree/opt/50%n/kashim (make install BINDIR=/opt/50%n LIBDIR=${library%/*} DESTDIR=$tree puts it there)" "$stderr"
}

# bats test_tags=effect
@test "enable: all may read what it makes" {
    (umask 077 && "$dir/kashim" enable --root "$tree" x) || status=$?
    effect 'modes' '755 644' "$(stat -c %a "${drop_in%/*}" "$drop_in" | paste -sd' ')"
}

# bats test_tags=effect
@test "enable: lists as missing what names a command or a library that is gone" {
    rm_and_list() {
        rm "$1"
        enable
        effect "without $1" "0 x.service missing ${1#"$tree"} ($2)" "$status $(tr -s ' ' <<<"$output")"
    }
    enable -i 60 x
    rm_and_list "$tree$command" 'group --idle 60'
    sed -i 's,-+.* attach,-+"/opt/50%%\\"n/kashim" attach,' "$drop_in"
    mkdir -p "$tree/opt/50%\"n"
    touch "$tree/opt/50%\"n/kashim"
    enable
    effect 'by its path' 'x.service group --idle 60' "$(tr -s ' ' <<<"$output")"
    rm_and_list "$tree/opt/50%\"n/kashim" 'group --idle 60'
    touch "$tree$command"
    enable --preload -c 5 x
    rm_and_list "$tree$library" 'preload KA_CNT=5'
    sed -i "s,LD_PRELOAD=,&/a.so /b.so:," "$drop_in"
    touch "$tree$library"
    enable
    effect 'one of several' 'x.service preload KA_CNT=5' "$(tr -s ' ' <<<"$output")"
    rm_and_list "$tree$library" 'preload KA_CNT=5'
}

# ---- of which unit ---------------------------------------------------------------------

# bats test_tags=effect
@test "enable --root: wherever the unit lies, and of a template, too" {
    local place
    rm "$lib/x.service"
    for place in etc/systemd/system/x.service usr/local/lib/systemd/system/x.service lib/systemd/system/x.service etc/init.d/x; do
        mkdir -p "$tree/${place%/*}"
        touch "$tree/$place"
        enable -i 60 x
        starts_with '--idle 60'
        disable x
        rm "$tree/$place"
        enable x
        effect "without $place" "1 kashim: there is no x.service in $tree" "$status $stderr"
    done
    unit y@.service
    for place in y@ y@one y@one-two.service; do
        drop_in=$etc/${place%.service}.service.d/kashim.conf
        enable "$place"
        effect 'said' "wrote $drop_in" "$output"
        starts_with ''
    done
    enable y
    effect 'no instance' "1 kashim: there is no y.service in $tree" "$status $stderr"
}

# bats test_tags=effect
@test "enable --root: slashes at the end of DIR" {
    kashim enable --root "$tree//" x
    effect 'said' "0 wrote $drop_in" "$status $output$stderr"
    kashim disable --root "$tree/" x
    effect 'said' "0 removed $drop_in" "$status $output$stderr"
    rm "$tree$command"
    kashim enable --root "$tree/" x
    effect 'what is missing' "1 kashim: the command is missing: $tree$command (make install DESTDIR=$tree puts it there)" "$status $output$stderr"
    kashim enable --root / kashim-no-such-unit
    effect 'the root' '1 kashim: there is no kashim-no-such-unit.service in /' "$status $output$stderr"
}

# bats test_tags=effect
@test "enable --root: links of the tree stay in the tree" {
    mkdir -p "$tree/opt/units" "$tree/srv/x.service.d"
    mv "$lib/x.service" "$tree/opt"
    ln -s /opt/x.service "$etc/x.service"
    ln -s /srv/x.service.d "$etc/x.service.d"
    enable x
    drop_in=$tree/srv/x.service.d/kashim.conf
    starts_with ''
    [ ! -e /srv/x.service.d ] || effect 'outside' nothing '/srv/x.service.d'
    ln -sf /etc/passwd "$etc/z.service"
    enable z
    effect 'a unit that lies outside' "1 kashim: there is no z.service in $tree" "$status $stderr"
}

# bats test_tags=effect
@test "enable: lists what is enabled: unit, way, settings" {
    local listed
    unit y@.service
    printf '[Socket]\n' >"$lib/z.socket"
    enable
    effect 'none' '0 no unit is enabled with kashim' "$status $output$stderr"
    enable -i 60 --connect x
    enable y@
    enable --preload -c 5 y@one
    enable z.socket
    mkdir -p "$etc/other.service.d" "$etc/mine.service.d" "$etc/.d"
    unit changed.service
    enable -i 60 changed
    mkdir -p "$etc/changed.service.d"
    echo 'Nice=1' >>"$etc/changed.service.d/kashim.conf"
    touch "$etc/other.service.d/a.conf" "$etc/mine.service.d/kashim.conf" "$etc/file.d" "$etc/.d/kashim.conf"
    enable
    listed=$(tr -s ' ' <<<"$output")
    effect 'list' 'changed.service other has a line that kashim didn'"'"'t write
mine.service other was not written by kashim
x.service group --idle 60 --connect
y@.service group defaults
y@one.service preload KA_CNT=5
z.socket socket KeepAlive=yes KeepAliveTimeSec=120 KeepAliveIntervalSec=30 KeepAliveProbes=6' "$listed"
    effect 'said' '0 ' "$status $stderr"
    rm -r "$etc"
    enable
    effect 'no folder' "1 kashim: $etc: No such file or directory" "$status $stderr"
}

# ---- refusals ----------------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "enable and disable: wrong arguments" {
    local bad before
    before=$(files)
    for bad in x.target x.timer x.slice x.scope x.mount; do
        enable "$bad"
        refused 2 "'$bad' is neither a service nor a socket unit"
    done
    for bad in ../x /x '' . .x 'a b' $'a\n' 'x;' "$(printf 'x%.0s' {1..250})"; do
        enable -- "$bad"
        refused 2 "is no name of a unit"
        disable -- "$bad"
        refused 2 "is no name of a unit"
    done
    enable x y
    refused 2 "enable: one UNIT at a time, and 'y' is one too many"
    disable x y
    refused 2 "disable: one UNIT at a time, and 'y' is one too many"
    disable
    refused 2 'disable: which UNIT?'
    for bad in --now '-i 60' --preload --force; do
        # shellcheck disable=SC2086 # words
        kashim enable $bad
        refused 2 'enable: of which UNIT?'
    done
    enable -i 0 x
    refused 2 "--idle: '0' is not accepted"
    enable --now x
    refused 2 'enable: --now is for this system, and --root for another'
    disable --now x
    refused 2 'disable: --now is for this system, and --root for another'
    for bad in --no-children --log=stderr; do
        enable "$bad" x
        refused 2 "${bad%=*} is for the library alone"
    done
    disable -i 60 x
    refused 2 'no such option'
    kashim enable --root "$dir/nowhere" x
    refused 1 "--root '$dir/nowhere': No such file or directory"
    kashim enable --root "$dir/kashim" x
    refused 1 "--root '$dir/kashim': Not a directory"
    harmless 'the tree' "$before" "$(files)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a socket unit can't have what systemd has no setting for" {
    printf '[Socket]\n' >"$lib/x.socket"
    local bad
    for bad in '-u auto=--user-timeout' '-p 80=--ports' '--connect=--connect' '--force=--force'; do
        # shellcheck disable=SC2086 # words
        enable ${bad%=*} x.socket
        refused 1 "x.socket: not enabled: systemd has no such setting for a socket unit: ${bad#*=}"
    done
    KA_FORCE=1 enable x.socket
    refused 1 'x.socket: not enabled: systemd has no such setting for a socket unit: KA_FORCE'
    enable --preload x.socket
    refused 1 'x.socket: not enabled: --preload is for services'
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a command or a library that isn't installed there" {
    rm "$tree$command"
    enable x
    refused 1 "the command is missing: $tree$command (make install DESTDIR=$tree puts it there)"
    enable --preload x
    harmless 'with the library' 0 "$status"
    rm "$tree$library"
    enable --preload x
    refused 1 "the library is missing: $tree$library (make install DESTDIR=$tree puts it there)"
    disable x
    harmless 'disable' 0 "$status"
}

# bats test_tags=harmless,clumsy:mute
@test "enable and disable: a drop-in of this name that kashim didn't write stays" {
    local before
    mkdir "${drop_in%/*}"
    printf '[Service]\nEnvironment=A=mine\n' >"$drop_in"
    before=$(files)
    enable x
    refused 1 "$drop_in was not written by kashim: left as it is; remove or mend it yourself"
    disable x
    refused 1 "$drop_in was not written by kashim: left as it is; remove or mend it yourself"
    harmless 'the tree' "$before" "$(files)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable and disable: lines that were added to the drop-in aren't lost" {
    local line before way
    for way in '' --preload; do
        for line in '# mine' Nice=7 '[Unit]' 'ExecStartPre=/bin/mine' 'ExecStartPre=-+/bin/mine attach' 'ExecStartPre=' \
            'Environment="KA_IDLE=60" "A=mine"' 'Environment="A=mine"' 'Environment="KA_OFF=1"' 'Environment=' ''; do
            # shellcheck disable=SC2086 # none or one
            enable $way -i 60 -p 80,90-99 x
            says 0 "wrote $drop_in"
            echo "$line" >>"$drop_in"
            before=$(files)
            enable x
            refused 1 "$drop_in has a line that kashim didn't write: left as it is; remove or mend it yourself"
            disable x
            refused 1 "$drop_in has a line that kashim didn't write: left as it is; remove or mend it yourself"
            harmless 'the tree' "$before" "$(files)"
            rm "$drop_in"
        done
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
    rmdir "$etc"
    enable x
    refused 1 "$etc: No such file or directory"
    mkdir -p "${drop_in%/*}"
    as 'strace -qq -o /dev/null -e inject=fsync:error=ENOSPC' "$dir/kashim" enable --root "$tree" x
    refused 1 "$drop_in: No space left on device"
    harmless 'the folder' there "$([ -d "${drop_in%/*}" ] && echo there)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a kernel without openat2, and one where names change all the time" {
    need strace
    as 'strace -qq -o /dev/null -e inject=openat2:error=ENOSYS' "$dir/kashim" enable --root "$tree" x
    refused 1 '--root: it takes openat2(2), which the kernel refuses: Function not implemented'
    as 'strace -qq -o /dev/null -e inject=openat2:error=EAGAIN' "$dir/kashim" enable --root "$tree" x
    refused 1 'Resource temporarily unavailable'
    as 'strace -qq -o /dev/null -e inject=openat2:error=EAGAIN:when=1+2' "$dir/kashim" enable --root "$tree" x
    says 0 "wrote $drop_in"
}

# ---- of this system ------------------------------------------------------------------------

# shows LINE...: what systemctl does, of any unit; an empty line between two. Each call is noted.
shows() {
    mkdir -p "$dir/bin"
    printf '%s\n' "$@" >"$dir/shown"
    cat >"$dir/bin/systemctl" <<END
#!/bin/sh
echo "\$*" | sed 's/--property=[^ ]* //' >>'$dir/calls'
[ "\$1" != show ] || exec cat '$dir/shown'
[ "\$1" != cat ] || exec test -e "$lib/\$3"
[ "\$1" != list-unit-files ] || exec cat '$dir/files'
END
    chmod +x "$dir/bin/systemctl"
    rm -f "$dir/calls"
    : >"$dir/files"
}

# loaded LINE...: the same of x.service, which is there.
loaded() {
    shows Id=x.service LoadState=loaded Type=simple "$@"
}

# here [VAR=VALUE...] ARGUMENT...: kashim does that where the tree's folders are this system's.
here() {
    { [ $EUID = 0 ] && unshare -m true 2>/dev/null; } || unless_ci 'takes a mount namespace'
    cat >"$dir/here" <<END
#!/bin/sh -e
for folder in /etc/systemd/system '${command%/*}' '${library%/*}'; do
    mkdir -p "\$folder"
    mount --bind "$tree\$folder" "\$folder"
done
PATH=$dir/bin:\$PATH exec '$dir/kashim' "\$@"
END
    chmod +x "$dir/here"
    as 'unshare -m' "$dir/here" "$@"
}

# called CALL...: systemctl was, with these arguments.
called() {
    effect 'calls of systemctl' "$(printf '%s\n' "$@")" "$(cat "$dir/calls" 2>&1)"
}

# bats test_tags=effect
@test "enable: what systemd says of the unit is asked, and what to run next is said" {
    loaded
    here enable -i 60 x
    effect 'said' "wrote /etc/systemd/system/x.service.d/kashim.conf
now run: systemctl daemon-reload; it takes effect when x.service starts next" "$output$stderr"
    starts_with '--idle 60'
    called 'show -- x.service'
    here disable x
    effect 'said' "removed /etc/systemd/system/x.service.d/kashim.conf
now run: systemctl daemon-reload; it takes effect when x.service starts next" "$output$stderr"
    here disable x
    effect 'again' '0 x.service is not enabled with kashim (what attach did, detach undoes)' "$status $output$stderr"
    shows Id=y.service LoadState=not-found
    here disable y
    effect 'no such unit' '1 kashim: there is no y.service' "$status $output$stderr"
}

# bats test_tags=effect
@test "enable --now: one that doesn't run gets it when it starts" {
    loaded ActiveState=inactive ControlGroup=
    here enable --now x
    effect 'said' "wrote /etc/systemd/system/x.service.d/kashim.conf
x.service isn't running: it gets keepalive when it starts" "$output$stderr"
    called 'show -- x.service' 'daemon-reload --' 'show -- x.service'
    loaded ActiveState=inactive ControlGroup=/no/such/group 'TriggeredBy=x.timer x.socket'
    here enable --now x
    effect 'its listener' 'kashim: x.service: its listener comes from x.socket: enable that as well' "$stderr"
    loaded ActiveState=inactive ControlGroup=
    here disable --now x
    effect 'said' '0 removed /etc/systemd/system/x.service.d/kashim.conf' "$status $output$stderr"
    called 'daemon-reload --' 'show -- x.service'
}

# bats test_tags=effect
@test "enable --now: a template, and the instances that there are" {
    drop_in=$etc/y@.service.d/kashim.conf
    unit y@.service
    shows Id=y@one.service LoadState=loaded '' Id=y@two.service LoadState=loaded
    here enable --now y@
    effect 'said' "wrote /etc/systemd/system/y@.service.d/kashim.conf
y@one.service isn't running: it gets keepalive when it starts
y@two.service isn't running: it gets keepalive when it starts" "$output$stderr"
    starts_with ''
    called 'cat -- y@.service' 'daemon-reload --' 'show -- y@*.service'
}

# bats test_tags=effect
@test "enable --preload --now: by a restart of what runs" {
    loaded ActiveState=active ControlGroup=
    here enable --preload --now x
    effect 'said' '0 wrote /etc/systemd/system/x.service.d/kashim.conf
restarting x.service' "$status $output$stderr"
    called 'show -- x.service' 'daemon-reload --' 'show -- x.service' 'try-restart -- x.service'
    loaded
    here disable --now x
    effect 'said' '0 removed /etc/systemd/system/x.service.d/kashim.conf
restarting x.service' "$status $output$stderr"
    called 'daemon-reload --' 'show -- x.service' 'try-restart -- x.service'
    loaded ActiveState=inactive
    here enable --preload --now x
    effect 'of one that does not run' "0 wrote /etc/systemd/system/x.service.d/kashim.conf
x.service isn't running: it gets keepalive when it starts" "$status $output$stderr"
    loaded ActiveState=failed
    here disable --now x
    effect 'of one that does not run' '0 removed /etc/systemd/system/x.service.d/kashim.conf' "$status $output$stderr"
}

# bats test_tags=effect
@test "enable --now: a socket unit that doesn't run gets it when it starts" {
    shows Id=x.socket LoadState=loaded ActiveState=inactive 'Listen=/run/x (Stream)'
    here enable --now x.socket
    effect 'said' "0 wrote /etc/systemd/system/x.socket.d/kashim.conf
x.socket isn't running: it gets keepalive when it starts" "$status $output$stderr"
    here disable --now x.socket
    effect 'said' '0 removed /etc/systemd/system/x.socket.d/kashim.conf' "$status $output$stderr"
}

# bats test_tags=effect
@test "enable, disable: an unknown unit, and what could be meant" {
    # guesses UNIT "FILE..." TEXT: of these unit files.
    guesses() {
        shows "Id=$1" LoadState=not-found
        # shellcheck disable=SC2086 # words
        printf '%s enabled enabled\n' $2 >"$dir/files"
        here enable "$1"
        effect "enable $1" "1 kashim: there is no $1$3" "$status $output$stderr"
        here disable --now "$1"
        effect "disable $1" "1 kashim: there is no $1$3" "$status $output$stderr"
    }
    guesses y.service 'xyz.service yy.socket abc.service' ''
    guesses sshd.service 'ssh.socket ssh.service nginx.service' '; ssh.service?'
    guesses sshd.socket 'ssh.service ssh.socket' '; ssh.socket?'
    guesses postgres.service 'postgresql@.service postgresql.service' '; postgresql@.service?'
    guesses none.service '' ''
}

# preload_extends VALUE ENVIRONMENT: of a unit with these variables.
preload_extends() {
    loaded "Environment=$2"
    here enable --preload x
    written '[Service]' "Environment=\"LD_PRELOAD=$1\""
}

# bats test_tags=effect
@test "enable --preload: an LD_PRELOAD of the unit is extended" {
    preload_extends "$library" ''
    preload_extends "$library" 'A=b LD_PRELOADED=/no.so'
    preload_extends "/a.so:$library" '"A=b LD_PRELOAD=/no.so" LD_PRELOAD=/a.so C=d'
    preload_extends "/a.so /%%p.so:$library" '"LD_PRELOAD=/a.so /%p.so" C=d'
    preload_extends "/q\\\"\\\\.so:$library" '"LD_PRELOAD=/q\"\\.so"'
    preload_extends "/b.so:$library" 'LD_PRELOAD=/a.so LD_PRELOAD=/b.so'
    preload_extends "/a.so:$library" "LD_PRELOAD=/a.so:$library KA_IDLE=60"
    preload_extends "$library" 'LD_PRELOAD='
}

# bats test_tags=effect
@test "enable: another name of the unit; a name that begins with a dash" {
    loaded
    here enable alias
    effect 'said' 'wrote /etc/systemd/system/x.service.d/kashim.conf' "$(head -n 1 <<<"$output$stderr")"
    starts_with ''
    here disable alias
    effect 'said' 'removed /etc/systemd/system/x.service.d/kashim.conf' "$(head -n 1 <<<"$output$stderr")"
    shows Id=-x.service LoadState=loaded
    here enable --now -- -x
    effect 'said' 'wrote /etc/systemd/system/-x.service.d/kashim.conf' "$(head -n 1 <<<"$output$stderr")"
    called 'show -- -x.service' 'daemon-reload --' 'show -- -x.service'
}

# not_enabled TEXT [ARGUMENT...]: refused, and the tree is as it was.
not_enabled() {
    local before
    before=$(files)
    here enable "${@:2}" x
    refused 1 "$1"
    harmless 'the tree' "$before" "$(files)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a unit that isn't there, is masked, or is wrong" {
    shows Id=x.service LoadState=not-found
    not_enabled 'there is no x.service'
    not_enabled 'there is no x.service' --now
    local state
    for state in masked bad-setting error stub; do
        shows Id=x.service LoadState=$state
        not_enabled "x.service: not enabled: systemd says of it: $state"
    done
    here enable y@
    refused 1 'there is no y@.service'
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a service with a root of its own doesn't find kashim there" {
    loaded RootDirectory=/srv RootImage=
    not_enabled 'x.service: not enabled: it has RootDirectory=, in which systemd doesn'"'"'t find kashim: run kashim attach after each start'
    loaded RootDirectory= RootImage=/srv.img
    not_enabled 'x.service: not enabled: it has RootImage=, in which systemd doesn'"'"'t find kashim'
    loaded RootDirectory=/ RootImage=
    here enable x
    says 0 wrote
}

# bats test_tags=harmless,clumsy:mute
@test "enable --preload: of launchers that drop the environment it is refused" {
    local program
    for program in /usr/bin/pg_ctlcluster /usr/sbin/postmulti /usr/sbin/postfix /usr/sbin/squid; do
        loaded "ExecStart={ path=$program ; argv[]=$program start ; ignore_errors=no }"
        not_enabled "x.service: not enabled: $program: it" --preload
        harmless 'what helps' 'without --preload it works' "$(grep -o 'without --preload it works' <<<"$stderr")"
    done
    loaded 'ExecStart={ path=/usr/sbin/x ; argv[]=/usr/sbin/x ; ignore_errors=no }'
    here enable --preload x
    says 0 wrote
}

# bats test_tags=harmless,clumsy:mute
@test "enable --preload: of a program that the library doesn't reach it is refused, before anything is done" {
    local way
    of_program() {
        loaded ActiveState=active "ExecStart={ path=$1 ; argv[]=$1 ; ignore_errors=no }"
    }
    of_program "$root/build/tests/static_server"
    for way in '' --now; do
        # shellcheck disable=SC2086 # none or one
        not_enabled "static_server: linked statically: there is no loader to preload anything; without --preload it works" --preload $way
        harmless 'calls of systemctl' 'show -- x.service' "$(sort -u "$dir/calls")"
    done
    of_program "$root/build/tests/go_server"
    not_enabled 'go_server: a Go program makes its system calls itself' --preload
    printf '#!%s\n' "$root/build/tests/static_server" >"$dir/script"
    chmod +x "$dir/script"
    of_program "$dir/script"
    not_enabled 'script: its interpreter, ' --preload
    here enable x
    says 0 wrote
    of_program "$root/build/tests/steps"
    here enable --preload x
    says 0 wrote
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a unit that only stands for others names them" {
    local nothing='ExecStart={ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no }'
    shows Id=x.service LoadState=loaded Type=oneshot 'ConsistsOf=x@one.service x@two.service' "$nothing"
    not_enabled 'x.service: not enabled: it serves nothing itself and only stands for others: enable x@one.service x@two.service'
    shows Id=x.service LoadState=loaded Type=oneshot ConsistsOf= "$nothing"
    not_enabled 'x.service: not enabled: it serves nothing itself and only stands for others: enable its instances, x@NAME.service'
    loaded 'ConsistsOf=x-helper.service' 'ExecStart={ path=/usr/sbin/x ; argv[]=/usr/sbin/x ; ignore_errors=no }'
    here enable x
    says 0 wrote
}

# bats test_tags=harmless,clumsy:mute
@test "enable: no systemctl, and one that fails" {
    loaded
    printf '#!/bin/sh\nexit 3\n' >"$dir/bin/systemctl"
    not_enabled 'systemctl show x.service has failed'
    printf '#!/bin/sh\n' >"$dir/bin/systemctl"
    not_enabled 'systemctl show x.service: it says nothing'
    rm "$dir/bin/systemctl"
    sed -i "s,^PATH=.* exec,PATH=$dir/bin exec," "$dir/here"
    as 'unshare -m' "$dir/here" enable x
    refused 1 'systemctl: No such file or directory'
    harmless 'the drop-in' none "$([ -e "$drop_in" ] || echo none)"
}

# bats test_tags=harmless,clumsy:mute
@test "enable --now: systemd can't be told" {
    loaded
    echo '[ "$1" != daemon-reload ]' >>"$dir/bin/systemctl"
    here enable --now x
    harmless 'exit status' 1 "$status"
    harmless 'said' 'kashim: systemctl daemon-reload has failed' "$stderr"
    loaded
    echo '[ "$1" != try-restart ]' >>"$dir/bin/systemctl"
    here enable --preload --now x
    harmless 'exit status' 1 "$status"
    harmless 'said' 'kashim: systemctl try-restart x.service has failed' "$stderr"
}
