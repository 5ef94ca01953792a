# SPDX-License-Identifier: Apache-2.0
# Sourced by the checks that need podman, in the root of the tree: settings that also work inside a container, and the
# base image, made with debootstrap where no registry of images can be reached.

have_podman() # NAME: of the check, to say that it is skipped
{
    if ! command -v podman >/dev/null; then
        echo "$1: SKIPPED, podman is not installed"
        exit 0
    fi
    work=$PWD/build/image
    mkdir -p "$work"
    # runc, cgroupfs, limits that may not be raised.
    cat >"$work/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    export CONTAINERS_CONF=$work/containers.conf
}

have_image() # NAME: here already, or pulled
{
    podman image exists "$1" || timeout 60 podman pull -q "$1" >/dev/null 2>&1
}

base=docker.io/library/debian:bookworm-slim
have_base()
{
    have_image "$base" && return
    if [ ! -e "$work/rootfs/.done" ]; then
        rm -rf "$work/rootfs"
        debootstrap --variant=minbase bookworm "$work/rootfs" >"$work/debootstrap.log"
        touch "$work/rootfs/.done"
    fi
    tar -C "$work/rootfs" -c . | podman import -q - "$base" >/dev/null
}
