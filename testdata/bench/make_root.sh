#!/bin/bash
# Makes the root file system that the benchmark installs: a real Debian with
# what a small networked device carries (430 MB of files), as ext4 of 512 MiB.
#
#   make_root.sh IMAGE        root, debootstrap and e2fsprogs; 2 GiB of disk
#
# MIRROR (http://deb.debian.org/debian) and SUITE (bookworm) choose the source.
# The image appears whole or not at all; what is there is kept.
set -euo pipefail
image=$1
mirror=${MIRROR:-http://deb.debian.org/debian} suite=${SUITE:-bookworm}
[ -e "$image" ] && exit 0

packages="systemd-sysv udev dbus openssh-server python3 python3-requests ca-certificates curl nginx-light sqlite3
 mosquitto iproute2 iputils-ping netbase nano less openssl gnupg network-manager wpasupplicant tcpdump
 linux-image-cloud-amd64"

work=$(mktemp -d -p "$(dirname "$image")")
trap 'rm -rf "$work"' EXIT
tree=$work/tree
inside() { chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

debootstrap --variant=minbase "$suite" "$tree" "$mirror"
# Packages must not start their services in the tree.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$tree/etc/resolv.conf"
inside apt-get update
inside apt-get install -y --no-install-recommends $packages
inside apt-get clean
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/etc/resolv.conf "$tree"/usr/sbin/policy-rc.d

mkfs.ext4 -q -F -m 0 -L rootfs -E lazy_itable_init=0 -d "$tree" "$work/image" 512M
e2fsck -fn "$work/image"
mv "$work/image" "$image"
