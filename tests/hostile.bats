#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The command before names, files and processes that are anybody's.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

# ---- names ---------------------------------------------------------------------------

# bats test_tags=effect
@test "a name can't drive the terminal, nor begin a line" {
    local evil=$dir/$'e\e[2J\xc2\x9b1m\nkashim: vil'
    cp "$(command -v steps)" "$evil"
    kashim check "$evil"
    effect 'check' "$dir/e?[2J??1m?kashim: vil: yes: kashim run" "$output"
    kashim run "$evil"$'\n'
    effect 'run' "kashim: '$dir/e?[2J??1m?kashim: vil?': No such file or directory" "$stderr"
    printf '#!%s\n' "$dir/"$'a\eb' >"$dir/script"
    chmod +x "$dir/script"
    kashim check "$dir/script"
    effect 'interpreter' "$dir/script: no: its interpreter, $dir/a?b: No such file or directory" "$output"
}

# bats test_tags=effect
@test "what isn't printable in the locale is replaced, since a terminal of another could obey it" {
    local given shown
    while read -r given shown; do
        LC_ALL=C.UTF-8 kashim check "$(printf '%b' "$given")"
        effect "$given" "kashim: '$shown': it is in no directory of PATH" "$stderr"
    done <<'TABLE'
\x80\x9b2J\xff ??2J?
ä€𝄞x ä€𝄞x
\xc2\x80\xc2\x9f\x7f ?????
\xc1\x9b\xe0\x82\x9b\xf0\x80\x82\x9b\xf8 ??????????
\xe2\x82|\xc3 ??|?
\xf7\xbf\xbf\xbf\xed\xa0\x80 ???????
TABLE
    LC_ALL=C kashim check $'a\xc3\x9bb' # of which the second byte begins a control sequence
    effect 'in ASCII' "kashim: 'a??b': it is in no directory of PATH" "$stderr"
}

# bats test_tags=effect
@test "a process is nobody's child by its name" {
    serve_bare "$port" echo_server "$port"
    local parent=$server name other
    other=$(free_port)
    name=") S $parent 1"$'\n'
    cp "$(command -v echo_server)" "$dir/$name"
    serve_bare "$other" "$dir/$name" "$other"
    kashim attach --children "$parent"
    effect 'what is looked at' "echo_server ($parent): listeners: 1 changed" "$(head -n 1 <<<"$output$stderr")"
}

# ---- processes -----------------------------------------------------------------------

# bats test_tags=effect
@test "a process whose first thread has ended" {
    need strace
    kernel_has 6 9 || unless_ci 'no pidfds of threads before Linux 6.9'
    serve_bare "$port" steps in-thread "tcp a 127.0.0.1 $port" 'listen a' 'accept a b' 'say b served' hold
    wait_for 10 grep -q 'State:.Z' "/proc/$server/status"
    ask "$port" hello
    kashim attach -i 61 -n 11 -c 7 "$server"
    effect 'attach' '1 changed 1 changed' "$(grep -o '[0-9]* changed' <<<"$output$stderr" | paste -sd' ')"
    kashim status "$server"
    effect 'status' '1 process: 1 listener, 1 accepted connection' "$(tail -n 2 <<<"$output" | head -n 1)"
    as 'strace -qq -o /dev/null -e inject=pidfd_open:error=EINVAL:when=2' "$dir/kashim" attach "$server"
    effect 'an older kernel' "1 kashim: steps ($server): its first thread has ended, and to look into the others takes Linux 6.9" "$status $stderr"
}

kernel_has() {
    local major minor
    IFS=.- read -r major minor _ < <(uname -r)
    [ "$major" -gt "$1" ] || { [ "$major" -eq "$1" ] && [ "$minor" -ge "$2" ]; }
}

# bats test_tags=effect
@test "more processes than descriptors" {
    local pids=() i
    for i in {1..12}; do
        sleep 100 3>&- &
        started+=($!) pids+=($!)
    done
    serve_bare "$port" echo_server "$port"
    as 'prlimit --nofile=40:40' "$dir/kashim" attach "$server" "${pids[@]}"
    effect 'exit status' 1 "$status"
    effect 'message' 'kashim: not looked at: 5 processes, for which the limit of open files is too low (ulimit -n)' "$stderr"
    effect 'the first ones' '1 changed' "$(grep -o '1 changed' <<<"$output")"
    as 'prlimit --nofile=30:30' "$dir/kashim" attach "$server"
    effect 'room for none' 'kashim: not looked at: 1 processes, for which the limit of open files is too low (ulimit -n)' "$stderr"
    as 'prlimit --nofile=20:' "$dir/kashim" attach "$server" "${pids[@]}"
    effect 'with room above the soft limit' 0 "$status"
}

# bats test_tags=effect
@test "the listener's first holder closes it, and another one accepts what was queued" {
    need python3
    serve_bare "$port" python3 -c "
import os, socket, time
s = socket.create_server(('127.0.0.1', $port))
client = socket.create_connection(('127.0.0.1', $port))
if not os.fork():
    client.close(); time.sleep(1.2); c, _ = s.accept(); time.sleep(100)
print('ready', flush=True); time.sleep(0.5); s.close(); time.sleep(100)"
    wait_for 10 grep -q ready "$dir/server"
    kashim attach -i 61 -n 11 -c 7 --port "$port"
    effect 'exit status' 0 "$status$stderr"
    effect 'the connection' "$ours" "$(sockopts "$(pgrep -P "$server")" |
        sed -n "s/^[0-9]* [0-9]* [^ ]*:$port [^ ]* \(tcp connected.*\)/\1/p")"
}

# lingerer PID: a server on $port whose connection waits a minute in its last close until the
# peer has taken all. It closes as soon as that process holds a duplicate, and tells, when the
# process has ended, what the peer gets of how much.
lingerer() {
    serve_bare "$port" python3 -c "
import os, socket, struct, time
listener = socket.create_server(('127.0.0.1', $port))
peer = socket.create_connection(('127.0.0.1', $port))
connection, _ = listener.accept()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 60))
connection.setblocking(False)
sent = 0
try:
    while True: sent += connection.send(b'x' * 65536)
except BlockingIOError: pass
name = 'socket:[%d]' % os.fstat(connection.fileno()).st_ino
def others(pid):
    for fd in os.listdir('/proc/%s/fd' % pid):
        try: yield os.readlink('/proc/%s/fd/%s' % (pid, fd))
        except FileNotFoundError: pass
open('$dir/target', 'w').write(str(os.getpid()))
print('ready', flush=True)
while name not in others('$1'): pass
connection.close()
print('closed', flush=True)
while os.path.exists('/proc/$1/fd/0'): time.sleep(0.01)
got = 0
while (more := peer.recv(1 << 20)): got += len(more)
print('got', got, 'of', sent, flush=True)
time.sleep(100)"
    wait_for 10 grep -q ready "$dir/server"
}

# bats test_tags=effect
@test "a duplicate whose close would wait for its peer doesn't hold up the command" {
    need strace python3
    local command
    for command in attach status; do
        port=$(free_port)
        rm -f "$dir/server"
        # shellcheck disable=SC2016 # for the inner shell
        without_harness exec bash -c 'until grep -qs ready "$1"; do sleep 0.02; done
            exec strace -D -qq -o /dev/null -e inject=getsockopt:delay_enter=50000 "$2" $3 "$(cat "$4")"' \
            - "$dir/server" "$dir/kashim" $command "$dir/target" </dev/null >"$dir/out" 2>&1 &
        local kashim=$!
        started+=("$kashim")
        lingerer "$kashim"
        wait_for 30 ended "$kashim" || effect "$command" 'ended' 'waits'
        wait "$kashim"
        effect 'the connection was closed while it had a duplicate' closed "$(grep -o closed "$dir/server")"
        wait_for 10 grep -q '^got' "$dir/server"
        effect 'what the peer got, of all' "$(sed -n 's/^got .* of //p' "$dir/server")" "$(sed -n 's/^got \(.*\) of .*/\1/p' "$dir/server")"
    done
}

ended() {
    [[ $(ps -o stat= "$1") =~ ^(|Z.*)$ ]]
}

# bats test_tags=effect
@test "an outgoing connection from a port on which another address is listened on" {
    serve_bare "$port" steps 'tcp4 a' 'listen a' "tcp c 127.0.0.1 $port" 'connect-as c a' 'accept a b' \
        "tcp l 127.0.0.2 $port" 'listen l' 'connect d l' 'accept l e' hold
    wait_for 10 grep -q '^accept l e: ' "$dir/server"
    kashim status "$server"
    effect 'status' '1 process: 2 listeners, 2 accepted connections, 2 outgoing' "$(tail -n 2 <<<"$output" | head -n 1)"
    kashim attach "$server"
    effect 'attach' 'outgoing: 2 left alone' "$(grep -o 'outgoing: .*' <<<"$output")"
}

# bats test_tags=effect
@test "status of all: what is closed meanwhile isn't taken for unseen" {
    serve_bare "$port" churn "$port" 1000
    local i unseen=
    for i in 1 2 3 4 5; do
        kashim status
        unseen+=$(grep -A1000 "^Of processes that aren't seen" <<<"$output" | grep ":$port" || :)
    done
    effect 'the process is shown' 1 "$(grep -c "^churn ($server)" <<<"$output")"
    effect 'sockets without a process' '' "$unseen"
}

# bats test_tags=effect
@test "attach: only sockets with other ports" {
    serve_bare "$port" echo_server "$port"
    kashim attach -p 1 "$server"
    effect 'exit status' 1 "$status"
    effect 'message' 'kashim: none of the ports asked for: 1 sockets with others were left alone' "$stderr"
}

# ---- files ----------------------------------------------------------------------------

# A tree with a service, as for enable.bats.
tree() {
    local command
    tree=$dir/tree
    etc=$tree/etc/systemd/system
    drop_in=$etc/x.service.d/kashim.conf
    command=$(cat "$root/build/bindir")/kashim
    mkdir -p "$etc/x.service.d" "$tree${command%/*}"
    touch "$tree$command"
    printf '%s\n' '[Service]' ExecStart=/bin/true >"$etc/x.service"
}

enable() {
    kashim enable --root "$tree" x
}

# bats test_tags=effect
@test "enable: what was left behind, or put there, isn't written through" {
    tree
    echo precious >"$dir/precious"
    ln "$dir/precious" "$drop_in.new"
    enable
    effect 'exit status' 0 "$status$stderr"
    effect 'the other file' precious "$(cat "$dir/precious")"
    effect 'the drop-in' file "$(test -f "$drop_in" && echo file)"
    rm -f "$drop_in"
    ln -sf "$dir/precious" "$drop_in.new"
    enable
    effect 'exit status' 0 "$status$stderr"
    effect 'the other file' precious "$(cat "$dir/precious")"
}

# bats test_tags=harmless,clumsy:mute
@test "enable and disable: what isn't a file of ours isn't followed, nor waited for" {
    local command place
    tree
    mkfifo "$drop_in"
    for command in enable disable; do
        kashim $command --root "$tree" x
        refused 1 "$drop_in was not written by kashim: left as it is"
    done
    kashim enable --root "$tree"
    harmless 'listed' "0 x.service other was not written by kashim" "$status $(tr -s ' ' <<<"$output$stderr")"
    rm "$drop_in"
    printf '# Written by kashim enable; kashim disable removes it.\n' >"$dir/ours"
    for place in "$dir/ours" /etc/passwd /dev/zero /no/such/file; do
        ln -sf "$place" "$drop_in"
        enable
        refused 1 "$drop_in was not written by kashim: left as it is"
    done
    rm "$drop_in"
    mkdir "$drop_in"
    enable
    refused 1 "$drop_in was not written by kashim: left as it is"
    rmdir "$drop_in" "$etc/x.service.d"
    touch "$etc/x.service.d"
    enable
    refused 1 "$etc/x.service.d: Not a directory"
    ln -sf x.service.d "$etc/x.service.d"
    for command in enable disable; do
        kashim $command --root "$tree" x
        refused 1 "$drop_in can't be read: Too many levels of symbolic links: left as it is"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "enable: a drop-in that can't be read to its end isn't taken for one that ends" {
    need prlimit
    tree
    printf '# Written by kashim enable; kashim disable removes it.\n' >"$drop_in"
    truncate -s 100M "$drop_in"
    as 'prlimit --as=67108864' "$dir/kashim" enable --root "$tree" x
    refused 1 "x.service.d/kashim.conf can't be read to its end: left as it is"
}

# bats test_tags=effect
@test "enable: what a drop-in or its folder would have a terminal do" {
    tree
    mkdir "$etc/"$'a\e[2J.service.d'
    printf '%s\n' '# Written by kashim enable; kashim disable removes it.' '[Service]' $'ExecStartPre=-+/x attach \e[31m self' |
        tee "$etc/"$'a\e[2J.service.d/kashim.conf' >"$drop_in"
    kashim enable --root "$tree"
    effect 'list' 'a?[2J.service missing /x (group ?[31m) x.service missing /x (group ?[31m)' "$(tr -s ' ' <<<"$output" | paste -sd' ')"
    enable
    effect 'replaced' "wrote $drop_in, in place of: group ?[31m" "$output"
    mv "$tree" "$dir/"$'t\e[2J'
    kashim disable --root "$dir/"$'t\e[2J' x
    effect 'the root' "removed $dir/t?[2J/etc/systemd/system/x.service.d/kashim.conf" "$output"
}

# bats test_tags=effect
@test "a control group's name can't drive the terminal" {
    need python3
    [ $EUID = 0 ] || unless_ci 'control groups take root'
    local top
    top=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
    [ "$top" ] || unless_ci 'cgroup v2 is not mounted'
    group=$(mktemp -d "$top/tested-XXXXXX"$'\e[31m')
    kashim attach "$group"
    effect 'attach' "0 ?[31m: idle 120 s" "$status $(sed -n '1s/.*tested-......\(.*\), intvl.*/\1/p' <<<"$output")"
    serve_bare "$port" sh -c 'echo 0 >"$0/cgroup.procs" && exec echo_server "$1"' "$group" "$port"
    kashim status "$server"
    effect 'status, the process' "served by group /T?[31m" "$(sed -n 's/tested-....../T/; s/.*): \(served.*\)/\1/p' <<<"$output")"
    effect 'status, the group' "group /T?[31m: idle 120 s" "$(sed -n 's/tested-....../T/; s/^\(group.*\), intvl.*/\1/p' <<<"$output")"
    kashim detach "$group"
    effect 'detach' "?[31m: kashim's programs are removed" "$(sed -n '1s/.*tested-......//p' <<<"$output")"
}

teardown() {
    kill_started
    [ ! -d "${group-}" ] || wait_for 10 rmdir "$group"
}

# bats test_tags=effect
@test "check: a file that points back and forth is looked at once" {
    need python3
    python3 - "$dir/elf" <<'PYTHON'
import struct, sys
segments, entries = 900, 9000
dynamic = struct.pack('<qQ', 5, 0x100) * entries
head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 3, 62, 1, 0, 64, 0, 0, 64, 56, segments, 0, 0, 0)
table = struct.pack('<IIQQQQQQ', 2, 4, 64 + 56 * segments, 0, 0, len(dynamic), len(dynamic), 8) * segments
open(sys.argv[1], 'wb').write(head + table + dynamic)
PYTHON
    chmod +x "$dir/elf"
    output=$(timeout 10 "$dir/kashim" check "$dir/elf") || status=$?
    effect 'exit status' 1 "$status"
    effect 'verdict' "$dir/elf: no: linked statically: there is no loader to preload anything" "$(head -n 1 <<<"$output")"
}

# bats test_tags=effect
@test "check: segments that overlap: what is read of a file has a limit" {
    need python3 strace
    python3 - "$dir/elf" <<'PYTHON'
import struct, sys
segments, size = 999, 1 << 26
head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 3, 62, 1, 0, 64, 0, 0, 64, 56, segments, 0, 0, 0)
table = struct.pack('<IIQQQQQQ', 1, 6, 0, 0, 0, size, size, 8) * segments
with open(sys.argv[1], 'wb') as file:
    file.write(head + table)
    file.truncate(size)
PYTHON
    chmod +x "$dir/elf"
    status=0
    output=$(timeout 30 strace -qq -o "$dir/calls" -e trace=pread64 "$dir/kashim" check "$dir/elf") || status=$?
    effect 'verdict' "1 $dir/elf: no: linked statically: there is no loader to preload anything" "$status $(head -n 1 <<<"$output")"
    effect 'reads' 'fewer than 5000' "$([ "$(wc -l <"$dir/calls")" -ge 5000 ] || echo 'fewer than 5000')"
}

# ---- words -----------------------------------------------------------------------------

# bats test_tags=effect
@test "a wrong option is named as it was given" {
    kashim run -xq true
    effect 'short' "kashim: run: no such option: '-x' (kashim help run lists them)" "$stderr"
    kashim run --force -xq true
    effect 'behind another' "kashim: run: no such option: '-x' (kashim help run lists them)" "$stderr"
    kashim run --nonsense true
    effect 'long' "kashim: run: no such option: '--nonsense' (kashim help run lists them)" "$stderr"
    LC_ALL=C.UTF-8 kashim run -ä true
    effect 'a character' "kashim: run: no such option: '-ä' (kashim help run lists them)" "$stderr"
    LC_ALL=C.UTF-8 kashim run -äx true
    effect 'a character before another' "kashim: run: no such option: '-äx' (kashim help run lists them)" "$stderr"
    kashim run $'-\xe4' true
    effect 'a byte' "kashim: run: no such option: '-?' (kashim help run lists them)" "$stderr"
    kashim run --force=1 true
    effect 'with a value' 'kashim: run: --force takes no value' "$stderr"
    kashim status --json=2
    effect 'with a value' 'kashim: status: --json takes no value' "$stderr"
    kashim attach 1 --idle
    effect 'without one' 'kashim: attach: --idle needs a value' "$stderr"
    kashim attach 1 -i
    effect 'without one' 'kashim: attach: -i needs a value' "$stderr"
}

# bats test_tags=effect
@test "a long option is written out; the one that may be meant is named" {
    kashim run --port 80 true
    effect 'almost' "125 kashim: run: no such option: '--port'; --ports? (kashim help run lists them)" "$status $stderr"
    kashim status --js
    effect 'cut short' "2 kashim: status: no such option: '--js'; --json? (kashim help status lists them)" "$status $stderr"
    kashim attach 1 --id=5
    effect 'behind a target' "2 kashim: attach: no such option: '--id'; --idle? (kashim help attach lists them)" "$status $stderr"
    kashim run true --nonsense
    effect 'of the program' '0 ' "$status $stderr"
}

# bats test_tags=effect
@test "a long word is cut where it is named" {
    local long shown
    long=$(printf 'x%.0s' {1..5000})
    shown="'${long:0:200}...'"
    kashim "$long"
    effect 'a subcommand' "kashim: no such subcommand: $shown (kashim help lists them)" "$stderr"
    kashim run --idle "$long" true
    effect 'a value' "kashim: --idle: $shown is not accepted (1 to 32767 seconds, or with s, m or h)" "$stderr"
    KA_IDLE=$long kashim run true
    effect 'of the environment' "kashim: KA_IDLE: $shown is not accepted (1 to 32767 seconds, or with s, m or h)" "$stderr"
    kashim run "--$long" true
    effect 'an option' "kashim: run: no such option: '--${long:0:198}...' (kashim help run lists them)" "$stderr"
    kashim enable "$long"
    effect 'a unit' "kashim: $shown is no name of a unit" "$stderr"
}

# bats test_tags=effect
@test "every subcommand has its help; what can't be written is a failure" {
    local subcommand
    kashim help help
    effect 'help help' '  kashim run ' "$(grep -o '^  kashim run ' <<<"$output")"
    for subcommand in run check attach detach status enable disable; do
        KA_IDLE=x kashim "$subcommand" --help
        effect "$subcommand" "0 kashim $subcommand" "$status $(head -n 1 <<<"$output" | grep -o "^kashim $subcommand")"
        as '' sh -c "'$dir/kashim' $subcommand --help >/dev/full"
        effect "$subcommand, no room" "kashim: can't write to the standard output" "$stderr"
        effect "$subcommand, exit status" "$([ $subcommand = run ] && echo 125 || echo 1)" "$status"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "attach self: in the root of all groups it would mean every process, and is refused" {
    [ "$(id -u)" = 0 ] || unless_ci 'only root can go to the root group'
    local mount
    mount=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
    [ -w "$mount/cgroup.procs" ] || unless_ci 'cgroup v2 is not mounted'
    as "sh -c" "echo \$\$ >$mount/cgroup.procs; exec $dir/kashim attach self"
    refused 1 'the root of all control groups'
}

# bats test_tags=harmless,clumsy:mute
@test "groups that are nested 2,100 deep: no crash" {
    [ "$(id -u)" = 0 ] || unless_ci 'only root can make control groups'
    need python3
    local mount deep
    mount=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
    deep=$(mktemp -d "$mount/tested-XXXXXX") || unless_ci 'cgroup v2 is not mounted'
    python3 - "$deep" 2100 <<'END'
import os, sys
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.mkdir("a")
    os.chdir("a")
END
    kashim attach nosuch
    local said=$status
    python3 - "$deep" <<'END'
import os, sys
os.chdir(sys.argv[1])
depth = 0
while os.path.isdir("a"):
    os.chdir("a")
    depth += 1
for _ in range(depth):
    os.chdir("..")
    os.rmdir("a")
END
    rmdir "$deep"
    harmless 'exit status' 1 "$said"
    refused 1 nosuch
}
