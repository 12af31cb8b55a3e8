# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The lab's network: one bridge in a namespace of its own, each host in another, joined by a
# cable (v-HOST on the bridge, host0 in the host). The default route of every host ends at the
# bridge, where everything but the lab is unreachable: a host can neither reach the machine nor
# be reached from it, except by commands that are run in these namespaces. Sourced by lab.sh.

BRIDGE=$LAB-br
GATEWAY=192.168.40.1

have_namespace() { [[ -e /run/netns/$1 ]]; }

bridge_up() {
  have_namespace "$BRIDGE" || ip netns add "$BRIDGE"
  ip -n "$BRIDGE" link show br0 >/dev/null 2>&1 || {
    ip -n "$BRIDGE" link set lo up
    ip -n "$BRIDGE" link add br0 type bridge forward_delay 0 mcast_snooping 0
    ip -n "$BRIDGE" addr add "$GATEWAY/24" dev br0
    ip -n "$BRIDGE" link set br0 up
    # With it, what goes nowhere is refused at once instead of being dropped.
    ip netns exec "$BRIDGE" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  }
}

cable_up() { # HOST: its namespace and its cable, each only if missing
  local host=$1 ns=$LAB-$1
  bridge_up
  have_namespace "$ns" || ip netns add "$ns"
  if ! ip -n "$ns" link show host0 >/dev/null 2>&1; then
    ip -n "$BRIDGE" link del "v-$host" 2>/dev/null || true
    ip -n "$BRIDGE" link add "v-$host" type veth peer name host0 netns "$ns"
  fi
  ip -n "$ns" link set lo up
  ip -n "$ns" link set host0 up
  ip -n "$BRIDGE" link set "v-$host" master br0 up
}
set_address() { # HOST ADDRESS
  ip -n "$LAB-$1" addr flush dev host0 scope global
  ip -n "$LAB-$1" addr add "$2/24" dev host0
  ip -n "$LAB-$1" route replace default via "$GATEWAY"
  echo "$2" >"$(host_dir "$1")/address"
  write_hosts
}
write_hosts() { # every host knows every host by name
  local dir other
  for dir in "$LAB_ROOT"/hosts/*/; do
    [[ -d ${dir}root/etc ]] || continue
    {
      echo "127.0.0.1 localhost"
      for other in "$LAB_ROOT"/hosts/*/; do
        [[ ! -s ${other}address ]] || echo "$(<"${other}address") $(basename "$other")"
      done
    } >"${dir}root/etc/hosts"
  done
}
cable_down() { # HOST: with everything that is in its namespace
  local pid
  if have_namespace "$LAB-$1"; then
    for pid in $(ip netns pids "$LAB-$1" 2>/dev/null); do
      kill -KILL "$pid" 2>/dev/null || true
    done
    ip netns del "$LAB-$1"
  fi
  ! have_namespace "$BRIDGE" || ip -n "$BRIDGE" link del "v-$1" 2>/dev/null || true
}
