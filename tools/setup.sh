#!/usr/bin/env bash
# Installs what Weft needs to be built, run and tested on Debian 12. Says what it does; does nothing when all is there.
# As root, or with sudo. Usage: tools/setup.sh
set -euo pipefail

packages=(
    # build
    g++ meson ninja-build pkg-config ccache python3 clang-19 libclang-rt-19-dev lld-19
    libdpdk-dev libfabric-dev libopenmpi-dev libboost-dev
    libyaml-dev nlohmann-json3-dev libcli11-dev libfmt-dev libspdlog-dev
    libgtest-dev libgmock-dev libbenchmark-dev libpcap-dev valgrind
    # run: Open MPI's launcher, libfabric's tools, and what looks into an instance
    openmpi-bin libfabric-bin iproute2 iputils-ping procps util-linux ethtool netcat-openbsd curl
    # test: clients of the network and of its services, which we did not write
    udhcpc isc-dhcp-client bind9-dnsutils ndisc6 ntpsec-ntpdig nmap iperf3 iputils-tracepath wget tcpdump tshark
    # test: the readers of metrics and of DPDK's own tools, which we did not write
    python3-prometheus-client dpdk dpdk-dev
    # check: the models in tests/model
    spin
    # test: MPI programs which we did not write
    hpcc netpipe-openmpi python3-mpi4py
    # measure: the Linux bridge that bench/tap.py compares with
    nftables
)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: all ${#packages[@]} packages are installed"
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "setup: this script knows Debian 12 (apt-get); please install by hand: ${missing[*]}" >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: not root and no sudo; please have an administrator run: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    sudo=(sudo)
fi
echo "setup: installing ${#missing[@]} packages with apt-get: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
