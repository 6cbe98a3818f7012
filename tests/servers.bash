#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Servers of Debian, each a function that makes ready to run it, unprivileged where it can,
# on 127.0.0.1, $port, with its files in $dir. It sets
#
#     command    what to run
#     request    what to send, as printf %b takes it, until there is an answer; empty: it
#                speaks first
#     silent     set: it doesn't answer before it has more than this, or hangs up then
#     version    a command that tells it

http='GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

# as_user NAME: what runs a command as that user, if we are root.
as_user() {
    user=()
    [ $EUID != 0 ] || user=(setpriv "--reuid=$1" "--regid=$1" --init-groups)
}

# open_to NAME: the directory, and the way to it.
open_to() {
    [ $EUID != 0 ] || chown -R "$1:" "$dir"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/*
}

# nginx_conf LISTEN...: what stands in each of its listen directives, behind 127.0.0.1
nginx_conf() {
    cat >"$dir/nginx.conf" <<END
$([ $EUID != 0 ] || echo 'user root;')
daemon off;
worker_processes 2;
pid $dir/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    $(printf '%s_temp_path tmp;\n' client_body proxy fastcgi uwsgi scgi)
    server {
        $(printf 'listen 127.0.0.1:%s;\n' "$@")
        return 200 'hello\n';
    }
}
END
}

server_nginx() {
    need nginx
    nginx_conf "$port"
    command=(nginx -p "$dir" -e stderr -c nginx.conf)
    request=$http
    version=(nginx -v)
}

server_redis() {
    need redis-server
    command=(redis-server --port "$port" --bind 127.0.0.1 --tcp-keepalive 0 --save '' --dir "$dir")
    request='PING\r\n'
    version=(redis-server --version)
}

server_postgresql() {
    local bin
    bin=$(echo /usr/lib/postgresql/*/bin)
    need "$bin/postgres"
    as_user postgres
    open_to postgres
    (cd "$dir" && "${user[@]}" "$bin/initdb" -D "$dir/data" --no-sync >/dev/null)
    command=("${user[@]}" "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" -F)
    request='\0\0\0\b\04\0322\026\057' # SSLRequest
    version=("$bin/postgres" --version)
}

server_mariadb() {
    need mariadbd mariadb-install-db
    as_user mysql
    open_to mysql
    "${user[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal >/dev/null 2>&1
    command=("${user[@]}" mariadbd --no-defaults --datadir="$dir/data" --port="$port"
        --bind-address=127.0.0.1 --socket="$dir/socket" --pid-file="$dir/pid")
    request=''
    version=(mariadbd --version)
}

server_openssh() {
    need sshd ssh-keygen
    [ $EUID != 0 ] || mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    command=("$(command -v sshd)" -D -e -f /dev/null -h "$dir/key" -p "$port" -o ListenAddress=127.0.0.1 -o PidFile=none)
    request=''
    version=(ssh -V)
}

server_dropbear() {
    need dropbear dropbearkey
    dropbearkey -t ed25519 -f "$dir/key" >/dev/null 2>&1
    command=(dropbear -F -E -p "127.0.0.1:$port" -r "$dir/key" -P "$dir/pid")
    request=''
    version=(dropbear -V)
}

# apache MPM
apache() {
    need apache2
    local modules=/usr/lib/apache2/modules
    cat >"$dir/apache.conf" <<END
ServerRoot $dir
ServerName localhost
PidFile $dir/pid
ErrorLog $dir/error
Listen 127.0.0.1:$port
DefaultRuntimeDir $dir
LoadModule mpm_$1_module $modules/mod_mpm_$1.so
LoadModule authz_core_module $modules/mod_authz_core.so
DocumentRoot $dir
$([ $EUID != 0 ] || echo 'User www-data')
END
    command=(apache2 -X -f "$dir/apache.conf")
    [ "$1" = event ] || command=(apache2 -D FOREGROUND -f "$dir/apache.conf")
    request=$http
    version=(apache2 -v)
}

server_apache_event() {
    apache event
}

server_apache_prefork() {
    apache prefork
}

server_haproxy() {
    need haproxy
    cat >"$dir/haproxy.cfg" <<END
defaults
    mode http
    timeout client 1m
    timeout server 1m
    timeout connect 1m
frontend f
    bind 127.0.0.1:$port
    http-request return status 200
END
    command=(haproxy -db -f "$dir/haproxy.cfg")
    request=$http
    version=(haproxy -v)
}

server_memcached() {
    need memcached
    command=(memcached -l 127.0.0.1 -p "$port" -U 0)
    [ $EUID != 0 ] || command+=(-u nobody)
    request='version\r\n'
    version=(memcached -V)
}

server_vsftpd() {
    need vsftpd
    [ $EUID = 0 ] || unless_ci 'vsftpd takes root'
    mkdir -p "$dir/empty"
    cat >"$dir/vsftpd.conf" <<END
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
anonymous_enable=YES
secure_chroot_dir=$dir/empty
END
    command=(vsftpd "$dir/vsftpd.conf")
    request=''
    version=(sh -c 'vsftpd -v 0>&1') # to its descriptor 0
}

server_mosquitto() {
    need mosquitto
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$dir/mosquitto.conf"
    command=(mosquitto -c "$dir/mosquitto.conf")
    request='\020\014\0\04MQTT\04\02\0\074\0\0' # CONNECT
    version=(mosquitto -h)
}

server_dovecot() {
    need dovecot
    [ $EUID = 0 ] || unless_ci 'dovecot takes root'
    local first='' passdb='passdb {
  driver = static
  args = nopassword=y
}'
    if [[ $(dovecot --version) != 2.[0-3].* ]]; then
        first=$'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0'
        passdb=$'passdb static {\n  password = x\n}'
    fi
    cat >"$dir/dovecot.conf" <<END
$first
base_dir = $dir/run
log_path = $dir/log
protocols = imap
listen = 127.0.0.1
ssl = no
$passdb
service imap-login {
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = 0
  }
}
END
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    command=(dovecot -F -c "$dir/dovecot.conf")
    request=''
    version=(dovecot --version)
}

server_lighttpd() {
    need lighttpd
    printf 'server.document-root = "%s"\nserver.port = %s\nserver.bind = "127.0.0.1"\n' "$dir" "$port" >"$dir/lighttpd.conf"
    command=(lighttpd -D -f "$dir/lighttpd.conf")
    request=$http
    version=(lighttpd -v)
}

server_socat() {
    need socat
    command=(socat "TCP-LISTEN:$port,bind=127.0.0.1,fork" EXEC:cat)
    request='hello\n'
    version=(socat -V)
}

server_rsync() {
    need rsync
    printf 'use chroot = no\n' >"$dir/rsyncd.conf"
    command=(rsync --daemon --no-detach --address=127.0.0.1 "--port=$port" "--config=$dir/rsyncd.conf" "--log-file=$dir/log")
    request=''
    version=(rsync --version)
}

server_git() {
    need git
    command=(git daemon --reuseaddr --listen=127.0.0.1 "--port=$port" "--base-path=$dir")
    request='003'
    silent=yes
    version=(git --version)
}

server_busybox() {
    need busybox readelf
    readelf -lW "$(command -v busybox)" | grep -q INTERP ||
        unless_ci "the busybox here is linked statically (busybox-static)"
    command=(busybox httpd -f -p "127.0.0.1:$port" -h "$dir")
    request='GET'
    silent=yes
    version=(busybox)
}

server_python_asyncio() {
    need python3
    command=(python3 -c "
import asyncio
async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
async def main():
    await (await asyncio.start_server(echo, '127.0.0.1', $port)).serve_forever()
asyncio.run(main())")
    request='hello\n'
    version=(python3 --version)
}

server_python_http() {
    need python3
    command=(python3 -m http.server --bind 127.0.0.1 "$port")
    request='GET / HTTP/1.1\r\n'
    silent=yes
    version=(python3 --version)
}

server_node() {
    need node
    command=(node -e "require('net').createServer(c => c.pipe(c)).listen($port, '127.0.0.1')")
    request='hello\n'
    version=(node --version)
}

# java HOW, of fixtures/Server.java
java_server() {
    need java javac
    command=(java "$root/tests/fixtures/Server.java" "$1" "$port")
    request='hello\n'
    version=(java --version)
}

server_java_blocking() {
    java_server blocking
}

server_java_nio() {
    java_server nio
}

server_perl() {
    need perl
    # shellcheck disable=SC2016
    command=(perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => shift, Listen => 5);
        while ($c = $s->accept) { unless (fork) { syswrite $c, $_ while sysread $c, $_, 100; exit } }' "$port")
    request='hello\n'
    version=(perl -e 'print "perl $^V\n"')
}

server_php() {
    need php
    # shellcheck disable=SC2016
    command=(php -r '$s = stream_socket_server("tcp://127.0.0.1:$argv[1]");
        while ($c = stream_socket_accept($s, -1)) { $all[] = $c; fwrite($c, fgets($c)); }' "$port")
    request='hello\n'
    version=(php --version)
}

server_ruby() {
    need ruby
    command=(ruby -rsocket -e 'Socket.tcp_server_loop("127.0.0.1", ARGV[0]) { |c, _| Thread.new { loop { c.write(c.readpartial(100)) } } }' "$port")
    request='hello\n'
    version=(ruby --version)
}

server_erlang() {
    need erl
    command=(erl -noshell -eval "{ok, L} = gen_tcp:listen($port, [{ip, {127,0,0,1}}, {active, false}, binary]),
        {ok, C} = gen_tcp:accept(L), {ok, D} = gen_tcp:recv(C, 0), gen_tcp:send(C, D), timer:sleep(infinity).")
    request='hello\n'
    version=(erl -noshell -eval 'io:format("Erlang/OTP ~s~n", [erlang:system_info(otp_release)]), halt().')
}
