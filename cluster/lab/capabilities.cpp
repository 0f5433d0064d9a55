#include "cluster/lab/capabilities.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "cluster/lab/plumbing.h"

namespace shaketable::lab {
namespace {

// What root of a node may do: services, sshd, iptables, tc, tracing. Not there, and never to be: sys_time (the clock is
// the host's), sys_admin (mounts, namespaces), mknod (disks of the host), sys_module, sys_boot, sys_rawio, syslog, bpf,
// perfmon, dac_read_search (opens files by handle, around the root), mac_*, audit_control, wake_alarm, block_suspend,
// sys_pacct, checkpoint_restore.
constexpr std::array kKeptCapabilities = {
    CAP_CHOWN,      CAP_DAC_OVERRIDE,  CAP_FOWNER,           CAP_FSETID,       CAP_KILL,
    CAP_SETGID,     CAP_SETUID,        CAP_SETPCAP,          CAP_SETFCAP,      CAP_NET_RAW,
    CAP_NET_ADMIN,  CAP_NET_BROADCAST, CAP_NET_BIND_SERVICE, CAP_IPC_LOCK,     CAP_IPC_OWNER,
    CAP_SYS_CHROOT, CAP_SYS_PTRACE,    CAP_SYS_NICE,         CAP_SYS_RESOURCE, CAP_AUDIT_WRITE,
    CAP_LEASE,      CAP_SYS_TTY_CONFIG};

}  // namespace

Result<void> drop_capabilities() {
  std::uint64_t kept = 0;
  for (const int capability : kKeptCapabilities) kept |= 1ull << capability;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return system_failure("cannot clear the ambient capabilities");
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return system_failure(fmt::format("cannot drop capability {}", capability));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return system_failure("cannot read the capabilities");
  for (int half = 0; half < 2; ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    data[half].permitted &= mask;
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return system_failure("cannot set the capabilities");
  // The one that would let a node set the machine's clock is looked at again: better no node than that.
  if (prctl(PR_CAPBSET_READ, CAP_SYS_TIME, 0, 0, 0) != 0 || syscall(SYS_capget, &header, data) != 0 ||
      (data[0].permitted | data[0].effective | data[0].inheritable) & (1u << CAP_SYS_TIME))
    return infrastructure("the node could set this machine's clock: CAP_SYS_TIME is still there after it was dropped");
  return {};
}

}  // namespace shaketable::lab
