#!/bin/sh
# Installs what this repository needs: uv (unless there is one) and the pinned packages, both into this folder.
# With the argument `tests`, also tmux, in which the quick tests run the interview; with `servers`, tmux and the
# servers that the slow tests start instances of (stand-ins for AWS into .work), and Node into .work; with `bench`,
# PostgreSQL, Node and wrk. Quick when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
MOTO_VERSION=5.2.5
SECANTUSDB_VERSION=0.7.0b3
python=${PYTHON:-python3}

main() {
    check_python
    uv=$(find_uv) || { install_uv; uv=.uv/bin/uv; }
    install_packages
    case "${1:-}" in
        tests)
            install_tmux
            ;;
        servers)
            install_postgresql
            install_server MariaDB mariadbd mariadb-server
            install_server RabbitMQ rabbitmq-server rabbitmq-server
            install_kafka
            install_server Redis redis-server redis-server
            install_server Memcached memcached memcached
            install_elasticmq
            install_moto
            install_mongodb
            install_node
            install_tmux
            ;;
        bench)
            install_postgresql
            install_node
            install_wrk
            ;;
    esac
}

fail() {
    printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 2
}

check_python() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$python is missing or older than 3.11" "install Python 3.11 or newer, or name it: make setup PYTHON=python3.12"
}

find_uv() {
    if [ -x .uv/bin/uv ]; then echo .uv/bin/uv; else command -v uv; fi
}

install_uv() {
    "$python" -c 'import ensurepip' 2>/dev/null || install_debian "python3-venv" "$python cannot make virtual environments"
    "$python" -m venv .uv
    .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

install_packages() {
    stamp=.venv/.installed
    state=$(cat requirements-dev.txt pyproject.toml | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat $stamp 2>/dev/null)" = "$state" ]; then return; fi
    [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv
    "$uv" pip sync --quiet --python .venv/bin/python --compile-bytecode --require-hashes requirements-dev.txt
    # Everything it needs is installed already, hatchling included: nothing is downloaded here.
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
    echo "$state" >$stamp
}

install_postgresql() {
    if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then return; fi
    if can_install; then
        # The tests start their own servers; a cluster for the whole machine is not wanted.
        mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
        install_debian postgresql "PostgreSQL is missing"
    else
        printf 'warning: PostgreSQL is missing: its tests will be skipped\n\nhint: install it, for example: sudo apt-get install postgresql\n' >&2
    fi
}

# The package starts its own instance where the machine lets it; the tests do not use that one.
install_server() {
    if PATH="$PATH:/usr/sbin" command -v "$2" >/dev/null; then return; fi
    if can_install; then
        install_debian "$3" "$1 is missing"
    else
        printf 'warning: %s is missing: its tests will be skipped\n\nhint: install it, for example: sudo apt-get install %s\n' "$1" "$3" >&2
    fi
}

# Debian has no package. Maven knows the parts of the distribution, and where to get them.
install_kafka() {
    home=${KAFKA_HOME:-.work/kafka}
    if [ -x "$home/bin/kafka-server-start.sh" ]; then return; fi
    install_server Maven mvn maven
    if ! command -v mvn >/dev/null; then return; fi
    echo "Fetching Kafka with Maven" >&2
    mvn --quiet --batch-mode --file tests/components/kafka.xml dependency:copy-dependencies \
        -DoutputDirectory="$PWD/.work/kafka/libs" >&2 || fail "Maven cannot fetch Kafka" "set KAFKA_HOME to a Kafka of your own"
    write_kafka_program kafka-storage.sh kafka.tools.StorageTool
    write_kafka_program kafka-topics.sh org.apache.kafka.tools.TopicCommand
    write_kafka_program kafka-consumer-groups.sh org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
    write_kafka_program kafka-server-start.sh kafka.Kafka
}

# A program like that of the distribution, which Maven does not have.
write_kafka_program() {
    mkdir -p .work/kafka/bin
    cat >".work/kafka/bin/$1" <<EOF
#!/bin/sh
exec java \${KAFKA_HEAP_OPTS:-} -cp "$PWD/.work/kafka/libs/*" $2 "\$@"
EOF
    chmod +x ".work/kafka/bin/$1"
}

# Two stand-ins for AWS: ElasticMQ for SQS, which keeps messages over a restart, and moto for SNS with SQS.
install_elasticmq() {
    folder=$PWD/.work/elasticmq
    if [ -x "$folder/elasticmq" ]; then return; fi
    install_server Maven mvn maven
    if ! command -v mvn >/dev/null; then return; fi
    echo "Fetching ElasticMQ with Maven" >&2
    mvn --quiet --batch-mode --file tests/components/sqs.xml dependency:copy-dependencies -DoutputDirectory="$folder/libs" >&2 ||
        fail "Maven cannot fetch ElasticMQ" "see what it says above"
    # It takes its options like the program of Homebrew's package.
    cat >"$folder/elasticmq" <<'EOF'
#!/bin/sh
exec java -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC $ELASTICMQ_OPTS -cp "$(dirname "$0")/libs/*" org.elasticmq.server.Main
EOF
    chmod +x "$folder/elasticmq"
}

install_moto() {
    if [ -x .work/moto/bin/moto_server ]; then return; fi
    "$uv" venv --quiet --clear --python "$python" .work/moto
    "$uv" pip install --quiet --python .work/moto/bin/python "moto[server]==$MOTO_VERSION"
}

# A stand-in for MongoDB: SecantusDB. Its licence is the GPL, so it stays out of our packages and those of services.
install_mongodb() {
    folder=$PWD/.work/mongodb
    if [ ! -x "$folder/venv/bin/secantusd-py" ]; then
        "$uv" venv --quiet --clear --python .venv/bin/python "$folder/venv"
        "$uv" pip install --quiet --python "$folder/venv/bin/python" "secantusdb==$SECANTUSDB_VERSION"
    fi
    # It takes its options like MongoDB's program, but has the lifetime of transactions only as an argument in Python.
    cat >"$folder/mongod" <<EOF
#!$folder/venv/bin/python
import argparse
import sys

from secantus import server, storage
from secantus.cli import main


class Storage(storage.Storage):
    def _try_index_id_keys(self, db, coll, filter, *, collation=None):
        """Find a document by an _id that is a document, as MongoDB does. SecantusDB would read the whole collection."""
        id = filter.get("_id") if filter else None
        if isinstance(id, dict) and id and not any(name.startswith("\$") for name in id):
            found = self._doc_recordid(db, coll, storage._id_key(id))
            return [] if found is None else [found]
        return super()._try_index_id_keys(db, coll, filter, collation=collation)


parser = argparse.ArgumentParser()
for option in ("--replSet", "--dbpath", "--port", "--bind_ip", "--setParameter"):
    parser.add_argument(option, required=True)
options = parser.parse_args()
server.Storage = Storage
name, _, value = options.setParameter.partition("=")
assert name == "transactionLifetimeLimitSeconds", name
server.SecantusDBServer.__init__.__kwdefaults__["transaction_lifetime_seconds"] = float(value)
# Its cache keeps the size of 1 GB. With 64 MB, its reads of a busy collection wait for the eviction of pages again and
# again. Such a read takes up to 6 s, and all clients wait for it. Without the option, a killed server loses writes.
served = [f"--host={options.bind_ip}", f"--port={options.port}", f"--storage-path={options.dbpath}"]
sys.argv[1:] = [*served, "--sync-on-commit"]
sys.exit(main())
EOF
    chmod +x "$folder/mongod"
}

# The Node of the images of services, from npm: its package needs no script to run.
install_node() {
    version=$(sed -n 's/.*{title: Node, version: \([0-9.]*\),.*/\1/p' template/*/_stack/language.yml | head -n 1)
    if [ "$(.work/node/bin/node --version 2>/dev/null)" = "v$version" ]; then return; fi
    install_server npm npm npm
    if ! command -v npm >/dev/null; then return; fi
    package=node-$(uname -s | tr A-Z a-z)-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
    npm install --silent --no-save --ignore-scripts --prefix .work/node "$package@$version" >&2 ||
        fail "npm cannot install $package" "install Node.js $version yourself, and link it to .work/node/bin/node"
    mkdir -p .work/node/bin
    ln -sf "../node_modules/$package/bin/node" .work/node/bin/node
}

install_tmux() {
    if command -v tmux >/dev/null; then return; fi
    if can_install; then
        install_debian tmux "tmux is missing"
    else
        printf 'warning: tmux is missing: the tests of the interview in a terminal will be skipped\n\nhint: install it, for example: sudo apt-get install tmux\n' >&2
    fi
}

install_wrk() {
    command -v wrk >/dev/null || install_debian wrk "wrk, which loads the service, is missing"
}

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install_debian() {
    can_install || fail "$2" "install the package $1, for example: sudo apt-get install $1"
    echo "Installing the Debian package $1" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null 2>&1 ||
        fail "cannot install the package $1" "install it yourself: apt-get install $1"
}

main "$@"
