# The first process of a node whose own first process is systemd.
#
# It runs in a mount and a process namespace of its own. When the test process ends, however it
# ends, the pipe closes, `cat` ends, and with this process the kernel ends systemd and all below it.
set -eu
base=$1 place=$2 network=$3 extra=$4 nspawn=$5
shift 5

mount --make-rprivate /
mount -t tmpfs node "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" node "$place/root"
cp -rd "$extra/." "$place/root/"
touch "$place/network"
mount --bind "$network" "$place/network"
mount -t proc proc /proc
mount -t tmpfs node /run
"$nspawn" --quiet --directory="$place/root" --boot --network-namespace-path="$place/network" \
    --machine=node-a --register=no --keep-unit --capability=all --console=read-only \
    --tmpfs=/var/lib/containerd "$@" </dev/null >&2 &
echo ready
cat >/dev/null
