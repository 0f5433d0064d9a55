#include "cluster/lab/data_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "cluster/lab/plumbing.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

struct Loop {
  Descriptor device;  // while it is open, the kernel keeps the device
  std::string path;
};

Result<Loop> attach_loop(const Descriptor& file) {
  const Descriptor control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return system_failure("cannot open /dev/loop-control");
  // Others, the nodes beside us among them, may take the free device first.
  for (int attempt = 0; attempt < 200; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return system_failure("the kernel has no free loop device");
    Loop loop{Descriptor(), fmt::format("/dev/loop{}", number)};
    loop.device = Descriptor(open(loop.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!loop.device) return system_failure("cannot open " + loop.path);
    loop_config config{};
    config.fd = static_cast<__u32>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return system_failure("cannot set up " + loop.path);
    std::this_thread::sleep_for(1ms);
  }
  return infrastructure("all loop devices are busy");
}

}  // namespace

Result<void> mount_data_disk(const std::string& directory, const std::string& target, std::uint64_t bytes) {
  const Descriptor file(open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!file || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
    return system_failure(fmt::format("cannot create a disk image of {} bytes in {}", bytes, directory));
  Result<Loop> loop = attach_loop(file);
  if (!loop) return Failure(loop.error());
  // No journal and no barriers: the lab's nodes share the machine's page cache, so a power cut cannot be played here in
  // any case, and the databases' fsync should cost what it costs, not what two nested file systems make of it.
  if (auto made = run_checked({"mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal,^resize_inode", "-m", "0", "-E",
                               "lazy_itable_init=1,nodiscard", loop->path},
                              60s);
      !made)
    return made;
  return mount_at(loop->path, target, "ext4", MS_NOATIME | MS_NODEV, "nobarrier");
}

}  // namespace shaketable::lab
