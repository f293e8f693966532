# The first process of a node: makes its mounts, then lives as long as its standard input.
#
# It runs in namespaces of its own. When the test process ends, however it ends, the pipe closes,
# `cat` ends, and with the first process the kernel ends every process, mount and link of the node.
# Zombies of orphans are reaped by the kernel, because SIGCHLD is ignored across the exec.
set -eu
root=$1
shift

mount --bind "$root" "$root"
for name in usr bin sbin lib lib32 lib64 libx32 etc/ssl; do
    if [ -d "/$name" ] && [ ! -L "/$name" ] && [ -d "$root/$name" ]; then
        mount --bind "/$name" "$root/$name"
        mount -o remount,bind,ro "$root/$name"
    fi
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
# Images live in memory: any file system below carries overlays then, and all is gone at the end.
mount -t tmpfs -o mode=0711 images "$root/var/lib/containerd"
for name in hosts resolv.conf nsswitch.conf hostname; do
    if [ -e "/etc/$name" ]; then
        mount --bind "$root/etc/$name" "/etc/$name"
    fi
done
# Programs of the cache: pairs of a source directory and its place below the root.
while [ $# -gt 0 ]; do
    mount --bind "$1" "$root/$2"
    mount -o remount,bind,ro "$root/$2"
    shift 2
done
# As systemd leaves it: what is mounted later reaches containers that ask for it.
mount --make-rshared "$root"
hostname "$(cat "$root/etc/hostname")"
echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind
echo ready
trap '' CHLD
exec cat >/dev/null
