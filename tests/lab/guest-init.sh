#!/bin/sh
# Process 1 of a guest kernel on the host's own file system. GUEST_DIRECTORY and GUEST_MODULES come from the kernel's
# command line. The first one holds `command`, the program to run; its output and exit code are left there, too.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount --bind "$GUEST_MODULES" /lib/modules
ip link set lo up
for module in xfrm_user af_key esp4 esp6 ah4 ah6 ipcomp xfrm4_tunnel ip_vti veth tun; do
    modprobe "$module" || echo "no kernel module $module"
done
cd /
sh "$GUEST_DIRECTORY/command" >"$GUEST_DIRECTORY/output" 2>&1 </dev/null
echo $? >"$GUEST_DIRECTORY/exit-code"
halt -f -p
