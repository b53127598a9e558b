#!/bin/sh
# boot.sh BASE DISK KUBELET: the first process of a node's own mount, process and host name
# namespaces. It turns into the node: what lies below its root is gone from sight, and with the
# process go its mounts, /run and all that runs there, as when the power is cut.
#
#   BASE     a root folder that is only read
#   DISK     what the node writes, and keeps: root (over BASE), containerd, kubelet, log
#   KUBELET  the executable
set -eu
base=$1 disk=$2 kubelet=$3
hostname node1
cd "$disk"
mkdir -p root work mnt containerd kubelet log root/opt root/old root/var/lib/containerd root/var/lib/kubelet
touch root/opt/kubelet
mount -t overlay -o "lowerdir=$base,upperdir=$disk/root,workdir=$disk/work" overlay mnt
cd mnt
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --bind "$disk/containerd" var/lib/containerd
mount --bind "$disk/kubelet" var/lib/kubelet
mount --bind "$disk/log" var/log
mount --bind "$kubelet" opt/kubelet
# The kubelet would set these for the whole machine. What it reads here is that they are set.
# https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/cm/container_manager_linux.go
for tunable in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=run/${tunable%%=*}
  mkdir -p "${file%/*}"
  echo "${tunable#*=}" > "$file"
  mount --bind "$file" "proc/sys/${tunable%%=*}"
done
pivot_root . old
umount -l /old
mount --make-rshared /
exec /usr/local/sbin/init
