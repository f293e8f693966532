# buildah out of the cache: "$1" is its tree, "$2" its own directory, the rest its arguments.
#
# It starts itself anew without LD_LIBRARY_PATH, so its libraries are laid over the machine's, in a
# mount namespace of its own: nothing is installed, and all is gone when it ends.
set -eu
tree=$1
place=$2
shift 2
export HOME="$place" TMPDIR="$place" BUILDAH_ISOLATION=chroot
export CONTAINERS_STORAGE_CONF="$place/storage.conf" CONTAINERS_REGISTRIES_CONF="$place/registries.conf"
libraries=/usr/lib/$(uname -m)-linux-gnu
layers=$tree$libraries:$tree${libraries#/usr}:$libraries
exec unshare --mount sh -c '
    mount -t overlay -o "lowerdir=$1" overlay "$2"
    shift 2
    exec "$@"' sh "$layers" "$libraries" "$tree/usr/bin/buildah" "$@"
