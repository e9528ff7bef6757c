# enter.sh outer ROOT FOLDER VOLUME… -- PROGRAM ARGUMENT…
# Runs a program as 65532 in a root that cannot be written to, but for its volumes. Each step takes the place of the
# one before, so that the process is the caller's child.
set -e

case $1 in
    outer)
        shift
        user=$(id -u)
        if [ "$user" != 0 ]; then
            spaces='--map-root-user --mount'
        elif unshare --mount true 2>/dev/null; then
            spaces=--mount
        else
            # Root in a chroot cannot say whose mounts these are.
            spaces='--mount --propagation unchanged'
        fi
        exec unshare $spaces sh "$0" inner "$user" "$@"
        ;;
    inner)
        user=$2 root=$3 folder=$4
        shift 4
        mount --bind "$root" "$root"
        while [ "$1" != -- ]; do
            mount --bind "$root$1" "$root$1"
            shift
        done
        shift
        mount -o remount,ro,bind "$root"
        if [ "$user" = 0 ]; then
            who='--setuid 65532 --setgid 65532'
        else
            who='--user --map-user=65532 --map-group=65532'
        fi
        exec unshare $who --root "$root" --wd "$folder" "$@"
        ;;
esac
