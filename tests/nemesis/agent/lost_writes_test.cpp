// What was not synced is lost, on disks that are a fake's and processes that this test starts: the whole way, and the
// way back from every place where it may have been cut short.
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "nemesis/agent/lazyfs.h"
#include "nemesis/agent/lost_writes.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

using namespace shaketable;
using namespace shaketable::agent;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

const MapTable kLinear{{0, 2048, "linear", "8:16 0"}, {2048, 4096, "linear", "8:32 128"}};

// A device "data" with a file system on `point`; what was not synced is one file, the probe.
struct FakeDisks final : Disks {
  explicit FakeDisks(const std::string& point) : found(to_mount(mount_line(point)).value()) {
    here = {to_mount("1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw").value(), found};
  }
  static std::string mount_line(const std::string& point) {
    return "30 1 253:0 / " + point + " rw,noatime shared:7 - ext4 /dev/mapper/data rw,data=ordered";
  }

  Result<std::vector<Mount>> mounts() override { return here; }
  Result<void> mount(const Mount& mount) override {
    calls += "mount ";
    if (!mountable) return infrastructure("mount: bad superblock");
    CHECK(live == kLinear);
    here.push_back(mount);
    device.openers = 1;
    return {};
  }
  Result<void> unmount(const std::string& point) override {
    calls += "unmount ";
    if (busy > 0) {
      --busy;
      return infrastructure("umount " + point + ": Device or resource busy");
    }
    std::erase_if(here, [&](const Mount& mount) { return mount.point == point; });
    device.openers = stays_open ? 1 : 0;
    if (without_dropping(live) && bites) remove_tree(probe);
    return {};
  }
  Result<std::optional<MappedDevice>> mapped(const std::string& number) override {
    return number == "253:0" && is_mapped ? std::optional(device) : std::nullopt;
  }
  Result<std::vector<std::string>> names() override { return std::vector<std::string>{"data"}; }
  Result<std::optional<MappedDevice>> look(const std::string& name) override {
    MappedDevice now = device;
    now.waiting = !waiting.empty();
    return name == device.name ? std::optional(now) : std::nullopt;
  }
  Result<MapTable> table(const std::string&, Slot slot) override { return slot == Slot::live ? live : waiting; }
  Result<void> load(const std::string&, const MapTable& table) override {
    calls += without_dropping(table) ? "load-drop " : "load ";
    // The one thing that must never be: the true table below a file system that believes it wrote something.
    if (!without_dropping(table)) CHECK(device.openers == 0);
    waiting = table;
    return {};
  }
  Result<void> clear(const std::string&) override {
    calls += "clear ";
    waiting.clear();
    return {};
  }
  Result<void> resume(const std::string&) override {
    calls += "resume ";
    if (!resumable) return infrastructure("data cannot be resumed");
    if (!waiting.empty()) live = std::exchange(waiting, {});
    device.suspended = false;
    if (on_drop && without_dropping(live)) on_drop();
    return {};
  }
  Result<void> can_drop() override { return drops ? Result<void>() : infrastructure("no dm-flakey"); }
  Result<void> survives_power_cut(const Mount&) override {
    return journal ? Result<void>() : infrastructure("it has no journal");
  }
  std::vector<std::string> users(const Mount&, const std::vector<ProcessName>&) override { return others; }
  std::optional<std::int64_t> writes(const std::string&) override { return written += 5; }
  Nanos patience() const override { return 100ms; }

  Mount found;
  std::vector<Mount> here;
  MappedDevice device{"data", "LVM-1", "253:0", 1, false, false, false};
  MapTable live = kLinear, waiting;
  std::vector<std::string> others;
  std::function<void()> on_drop;
  std::string calls, probe;
  std::int64_t written = 0;
  int busy = 0;
  bool mountable = true, resumable = true, bites = true, drops = true, journal = true, is_mapped = true,
       stays_open = false;
};

struct World {
  World() : place("/tmp/shaketable-lost-" + std::to_string(getpid())), disks((make(), place + "/mnt")), kind(disks) {
    const std::string file = place + "/pid";
    start = "sleep 300 </dev/null >/dev/null 2>&1 & echo $! >" + file;
    pids = "pid=$(cat " + file + ") && kill -0 $pid 2>/dev/null && echo $pid; true";
    REQUIRE(run_script(start, 20s).code == 0);
    entry.key = "test.1";
    entry.kind = "lost-writes";
    entry.boot = boot_id();
    entry.fields = {{"path", place + "/mnt/db/not-there-yet"}, {"pids", pids}, {"start", start}};
    disks.probe = place + "/mnt/.shaketable-unsynced.test.1";
    before = name();
  }
  ~World() {
    if (const auto found = find_processes(pids))
      for (const ProcessName& process : *found) signal_process(process, SIGKILL);
    remove_tree(place);
  }
  void make() const { REQUIRE(make_directory(place + "/mnt/db", 0755)); }
  ProcessName name() const { return find_processes(pids).value().front(); }

  void look() {
    auto looked = kind.look(entry);
    if (!looked) FAIL(looked.error().message);
    // The journal is all that an undo has.
    entry = parse_entry(entry.key, to_text(entry)).value();
  }
  std::string refusal() {
    const auto looked = kind.look(entry);
    CHECK(disks.calls.empty());
    return looked ? "" : looked.error().message;
  }
  void commit() {
    auto armed = kind.arm(entry);
    REQUIRE(armed.has_value());
    committed = (*armed)->commit();
    for (const auto& [name, value] : (*armed)->kept()) set_field(entry.fields, name, value);
    entry.state = EntryState::applied;
  }
  // Everything is as it was found, and the system runs.
  void check_restored() {
    CHECK(disks.live == kLinear);
    CHECK(disks.waiting.empty());
    CHECK(disks.here.size() == 2);
    CHECK(disks.here.back().point == disks.found.point);
    const auto runs = find_processes(pids);
    REQUIRE(runs.has_value());
    CHECK(look_at(runs->front().pid)->state != 'T');
    CHECK_FALSE(exists(disks.probe));
  }
  void undo() {
    const auto undone = kind.undo(entry);
    if (!undone) FAIL(undone.error().message);
    CHECK(undone->missing.empty());
  }

  std::string place;
  FakeDisks disks;
  LostWrites kind;
  Entry entry;
  std::string pids, start;
  ProcessName before;
  Result<void> committed;
};

}  // namespace

TEST_CASE("tables: one that drops writes says what it was and whose it is") {
  const auto drops = dropping(kLinear);
  REQUIRE(drops.has_value());
  CHECK(to_text(*drops) ==
        "0 2048 flakey 8:16 0 0 1537321758 1 drop_writes\n2048 4096 flakey 8:32 128 0 1537321758 1 drop_writes\n");
  // The kernel ends it with a blank.
  MapTable told = *drops;
  told[0].parameters += " ";
  CHECK(without_dropping(told) == kLinear);
  CHECK(to_table(to_text(kLinear)) == kLinear);
  CHECK_FALSE(to_table("").has_value());
  CHECK_FALSE(without_dropping(kLinear).has_value());
  CHECK_FALSE(without_dropping({{0, 8, "flakey", "8:16 0 0 180 1 drop_writes"}}).has_value());  // somebody else's
  CHECK_FALSE(dropping({{0, 8, "crypt", "aes-xts-plain64 0 8:16 0"}}).has_value());
}

TEST_CASE("mounts: a line of mountinfo and the call that makes it again") {
  const std::string line =
      R"(36 35 98:0 / /mnt/a\040b rw,nosuid,noatime shared:2 master:1 - ext3 /dev/root rw,sync,errors=continue,seclabel)";
  const Mount mount = to_mount(line).value();
  CHECK(mount.device == "98:0");
  CHECK(mount.point == "/mnt/a b");
  CHECK(mount.tag("shared") == "2");
  CHECK(mount.tag("share").empty());
  const MountCall call = to_call(mount);
  CHECK(call.flags == (MS_NOSUID | MS_NOATIME | MS_SYNCHRONOUS));
  CHECK(call.data == "errors=continue");
  CHECK(to_call(to_mount("1 0 8:1 / /a rw - xfs /dev/sda1 rw").value()).flags == MS_STRICTATIME);
  CHECK(difference(mount, to_mount(to_line(mount)).value()).empty());
  Mount other = mount;
  other.tags = {"shared:9", "master:4"};
  CHECK(difference(mount, other).empty());
  other.options = "rw";
  CHECK(difference(mount, other) == "options was rw,nosuid,noatime and is rw");
  CHECK_FALSE(to_mount("36 35 98:0 / /mnt rw").has_value());
}

TEST_CASE("mounts: a path lies on the nearest one and on the last of two") {
  const auto mounts = to_mounts(
      "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /data rw - ext4 b rw\n3 2 8:3 / /data rw - xfs c rw\n"
      "4 1 8:4 / /data2 rw - ext4 d rw\n");
  CHECK(mount_of(mounts, "/data/etcd")->source == "c");
  CHECK(mount_of(mounts, "/data2")->source == "d");
  CHECK(mount_of(mounts, "/database")->source == "a");
}

TEST_CASE("lost writes: the system is another one afterwards and table and mount are as found") {
  World world;
  world.look();
  char state = '?';
  world.disks.on_drop = [&] { state = look_at(world.before.pid)->state; };
  world.commit();
  if (!world.committed) FAIL(world.committed.error().message);
  CHECK(state == 'T');  // nobody was told that something was synced while it was dropped
  CHECK(world.disks.calls == "load-drop resume unmount load resume mount ");
  CHECK_FALSE(alive(world.before));
  CHECK(world.kind.prove(world.entry) == Fields{{"dropped_writes", "5"}, {"unsynced_file", "lost"}, {"bit", "yes"}});
  world.disks.calls.clear();
  world.undo();
  world.undo();
  CHECK(world.disks.calls.empty());
  world.check_restored();
}

TEST_CASE("lost writes: a file that came to the disk by itself is no proof") {
  World world;
  world.disks.bites = false;
  world.look();
  world.commit();
  REQUIRE(world.committed.has_value());
  CHECK(field(world.kind.prove(world.entry), "bit") == "no");
  world.undo();
  world.check_restored();
}

TEST_CASE("lost writes: undone from wherever it was cut short") {
  World world;
  world.look();
  FakeDisks& disks = world.disks;
  bool killed = true;
  SECTION("nothing was done") {
    killed = false;
  }
  SECTION("the system stands still") {
    killed = false;
    signal_process(world.before, SIGSTOP);
    REQUIRE(write_probe(disks.probe));
  }
  SECTION("a table waits") {
    killed = false;
    disks.waiting = dropping(kLinear).value();
  }
  SECTION("the device drops writes and nobody was killed") {
    signal_process(world.before, SIGSTOP);
    disks.live = dropping(kLinear).value();
  }
  SECTION("and the system was started again by somebody else") {
    disks.live = dropping(kLinear).value();
    disks.busy = 1;
  }
  SECTION("it is unmounted") {
    disks.live = dropping(kLinear).value();
    signal_process(world.before, SIGKILL);
    disks.here.pop_back();
    disks.device.openers = 0;
  }
  SECTION("the table waits to come back") {
    disks.live = dropping(kLinear).value();
    disks.waiting = kLinear;
    signal_process(world.before, SIGKILL);
    disks.here.pop_back();
    disks.device.openers = 0;
  }
  SECTION("the device stands still") {
    disks.live = dropping(kLinear).value();
    disks.device.suspended = true;
  }
  SECTION("the table is back and nothing is mounted") {
    signal_process(world.before, SIGKILL);
    disks.here.pop_back();
    disks.device.openers = 0;
  }
  SECTION("the system does not run") {
    signal_process(world.before, SIGKILL);
  }
  world.undo();
  world.check_restored();
  CHECK(alive(world.before) == !killed);
}

TEST_CASE("lost writes: the table stays as long as a file system is on the device") {
  World world;
  world.look();
  SECTION("busy") {
    world.disks.busy = 1'000'000;
    world.disks.others = {};
  }
  SECTION("mounted where nobody sees it") {
    world.disks.stays_open = true;
  }
  world.commit();
  REQUIRE_FALSE(world.committed.has_value());
  CHECK_THAT(world.committed.error().message, Contains("the device data drops writes still: "));
  CHECK(without_dropping(world.disks.live).has_value());
  const auto undone = world.kind.undo(world.entry);
  REQUIRE_FALSE(undone.has_value());
  // Then they let go of it.
  world.disks.busy = 0;
  world.disks.device.openers = world.disks.here.size() == 2 ? 1 : 0;
  world.disks.stays_open = false;
  world.undo();
  world.check_restored();
}

TEST_CASE("lost writes: what fails in the moment itself leaves the system as it was") {
  World world;
  world.look();
  SECTION("somebody came to use the mount") {
    world.disks.others = {"process 7 (bash)"};
  }
  SECTION("somebody changed the table") {
    world.disks.live = {{0, 6144, "linear", "8:64 0"}};
  }
  SECTION("the kernel refuses the table") {
    world.disks.resumable = false;
  }
  world.commit();
  REQUIRE_FALSE(world.committed.has_value());
  CHECK(world.disks.waiting.empty());
  CHECK_FALSE(without_dropping(world.disks.live).has_value());
  CHECK(alive(world.before));
  for (int i = 0; i < 2000 && look_at(world.before.pid)->state == 'T'; ++i) usleep(10'000);
  CHECK(look_at(world.before.pid)->state != 'T');
}

TEST_CASE("lost writes: a mount that fails is tried again and one that differs is told") {
  World world;
  world.look();
  world.disks.mountable = false;
  world.commit();
  REQUIRE_FALSE(world.committed.has_value());
  CHECK_FALSE(world.kind.undo(world.entry).has_value());
  world.disks.mountable = true;
  world.undo();
  world.check_restored();
  world.disks.here.back().super = "rw";
  CHECK_THAT(world.kind.undo(world.entry)->missing,
             Contains("is mounted otherwise: file system options was rw,data=ordered and is rw"));
  world.disks.device.uuid = "LVM-2";
  CHECK(world.kind.undo(world.entry)->missing == "the device data is not there any more");
}

TEST_CASE("lost writes: after a reboot only the system may be missing") {
  World world;
  world.look();
  world.entry.boot = "another";
  signal_process(world.before, SIGKILL);
  world.disks.calls.clear();
  SECTION("its file system is there") {
    world.undo();
    CHECK(find_processes(world.pids).has_value());
  }
  SECTION("it is not") {
    world.disks.here.pop_back();
    CHECK_THAT(world.kind.undo(world.entry)->note, Contains("the system was not started"));
    CHECK_FALSE(find_processes(world.pids).has_value());
  }
  CHECK(world.disks.calls.empty());
}

TEST_CASE("lost writes: without a journal the table says what it was") {
  World world;
  FakeDisks& disks = world.disks;
  std::vector<std::string> undone, in_force, doubts;
  const auto remove = [&] { remove_dropping(disks, undone, in_force, doubts); };
  remove();
  CHECK(undone.empty());
  disks.live = dropping(kLinear).value();
  CHECK(dropping_devices(disks) == std::vector<std::string>{"data"});
  disks.busy = 1'000'000;
  remove();
  CHECK(undone.empty());
  REQUIRE(in_force.size() == 1);
  CHECK_THAT(in_force[0], Contains("the device data drops writes: umount"));
  disks.busy = 0;
  remove();
  CHECK(undone == std::vector<std::string>{"the device data dropped writes"});
  CHECK(disks.live == kLinear);
  CHECK(disks.here.size() == 2);
  REQUIRE(doubts.size() == 1);
  CHECK_THAT(doubts[0], Contains(": start it"));
  disks.waiting = dropping(kLinear).value();
  remove();
  CHECK(disks.waiting.empty());
}

TEST_CASE("lost writes: refused with the reason and nothing is touched") {
  World world;
  FakeDisks& disks = world.disks;
  std::string reason;
  SECTION("the root") {
    set_field(world.entry.fields, "path", "/opt");
    reason = "lies on the root file system";
  }
  SECTION("no mapped device") {
    disks.is_mapped = false;
    reason = "(ext4), and that is no device of the device mapper's";
  }
  SECTION("not linear") {
    disks.live = {{0, 8, "crypt", "aes 0 8:16 0"}};
    reason = "is not linear: 0 8 crypt";
  }
  SECTION("no dm-flakey") {
    disks.drops = false;
    reason = "no dm-flakey";
  }
  SECTION("no journal") {
    disks.journal = false;
    reason = "it has no journal";
  }
  SECTION("mounted twice") {
    disks.here.push_back(to_mount("31 1 253:0 / /elsewhere rw - ext4 /dev/mapper/data rw").value());
    reason = "is mounted on /elsewhere too";
  }
  SECTION("another one below") {
    disks.here.push_back(to_mount(("31 1 8:5 / " + world.place + "/mnt/x rw - ext4 /dev/sdb rw").c_str()).value());
    reason = "something else is mounted on or below";
  }
  SECTION("in use") {
    disks.others = {"process 7 (bash)"};
    reason = "is in use by others than the system: process 7 (bash)";
  }
  SECTION("open elsewhere") {
    disks.device.openers = 2;
    reason = "is open elsewhere";
  }
  SECTION("suspended") {
    disks.device.suspended = true;
    reason = "stands still";
  }
  SECTION("a table of somebody else's waits") {
    disks.waiting = kLinear;
    disks.device.waiting = true;
    reason = "has a table waiting that somebody loaded";
  }
  SECTION("nobody can start it") {
    set_field(world.entry.fields, "start", "");
    reason = "does not say how to start it";
  }
  SECTION("it does not run") {
    set_field(world.entry.fields, "pids", "true");
    reason = "it does not run here";
  }
  CHECK_THAT(world.refusal(), Contains(reason));
  CHECK(alive(world.before));
}

TEST_CASE("lazyfs: its configuration names the pipes") {
  const LazyFsPipes pipes = pipes_of_config(
      "[faults]\nfifo_path=\"/tmp/faults.fifo\"\n fifo_path_completed = '/tmp/done.fifo' # said here\n"
      "# fifo_path=\"/no\"\n[cache]\napply_eviction=false\n");
  CHECK(pipes.fifo == "/tmp/faults.fifo");
  CHECK(pipes.completed == "/tmp/done.fifo");
  CHECK(pipes_of_config("[faults]\nfifo_path=\"/a\"\n").completed.empty());
}

namespace {

// A /proc with a mount of LazyFS on `mnt`, and somebody who obeys at the other end of its pipe.
struct FakeLazyFs : World {
  FakeLazyFs() : proc(place + "/proc"), fs(proc) {
    REQUIRE(make_directory(proc + "/self", 0755));
    REQUIRE(make_directory(proc + "/77", 0755));
    const auto write = [&](const std::string& path, const std::string& text) {
      REQUIRE(write_file(path, text, false));
    };
    write(proc + "/self/mountinfo", "1 0 8:1 / / rw - ext4 a rw\n2 1 0:50 / " + place +
                                        "/mnt rw,nosuid,nodev - fuse.lazyfs lazyfs rw,user_id=0\n");
    write(proc + "/77/cmdline", std::string("/usr/local/bin/lazyfs\0", 22) + place + "/mnt" + '\0' + "--config-path" +
                                    '\0' + place + "/lazyfs.toml" + '\0' + "-f" + '\0');
    write(place + "/lazyfs.toml",
          "[faults]\nfifo_path=\"" + place + "/in\"\nfifo_path_completed=\"" + place + "/out\"\n");
    for (const char* pipe : {"/in", "/out"}) REQUIRE(mkfifo((place + pipe).c_str(), 0600) == 0);
    entry.kind = "lazyfs";
  }
  // Reads one command, forgets what was not synced, and says so.
  std::jthread obey(bool say) {
    return std::jthread([this, say] {
      const Output read = run_script("head -n 1 " + place + "/in", 60s);
      command = read.out;
      remove_tree(place + "/mnt/db/.shaketable-unsynced.test.1");
      if (say) run_script("echo finished::clear-cache >" + place + "/out", 60s);
    });
  }
  std::string proc, command;
  LazyFs fs;
};

}  // namespace

TEST_CASE("lazyfs: the cache is cleared between the end of the system and its start") {
  FakeLazyFs world;
  const bool says = GENERATE(true, false);
  if (!says) REQUIRE(write_file(world.place + "/lazyfs.toml", "fifo_path=\"" + world.place + "/in\"\n", false));
  REQUIRE(world.fs.look(world.entry).has_value());
  auto obeying = world.obey(says);
  auto armed = world.fs.arm(world.entry);
  REQUIRE(armed.has_value());
  const auto done = (*armed)->commit();
  if (!done) FAIL(done.error().message);
  obeying.join();
  CHECK(world.command == "lazyfs::clear-cache\n");
  CHECK_FALSE(alive(world.before));
  CHECK(find_processes(world.pids).has_value());
  CHECK(field(world.fs.prove(world.entry), "bit") == "yes");
  REQUIRE(world.fs.undo(world.entry).has_value());
  CHECK(world.fs.undo(world.entry)->missing.empty());
}

TEST_CASE("lazyfs: the system is started again by the undo and not on the bare directory") {
  FakeLazyFs world;
  REQUIRE(world.fs.look(world.entry).has_value());
  signal_process(world.before, SIGKILL);
  for (int i = 0; i < 2000 && alive(world.before); ++i) usleep(10'000);
  SECTION("it is mounted") {
    REQUIRE(world.fs.undo(world.entry).has_value());
    CHECK(find_processes(world.pids).has_value());
  }
  SECTION("it is not") {
    REQUIRE(write_file(world.proc + "/self/mountinfo", "1 0 8:1 / / rw - ext4 a rw\n", false));
    CHECK_THAT(world.fs.undo(world.entry)->missing, Contains("is not mounted on"));
    CHECK_FALSE(find_processes(world.pids).has_value());
  }
}

TEST_CASE("lazyfs: refused with the reason") {
  FakeLazyFs world;
  std::string reason;
  SECTION("another file system") {
    REQUIRE(write_file(world.proc + "/self/mountinfo", "1 0 8:1 / / rw - ext4 a rw\n", false));
    reason = "lies on / (ext4), not on LazyFS (fuse.lazyfs), and LazyFS is not on this node";
  }
  SECTION("no process of it") {
    remove_tree(world.proc + "/77");
    reason = "say where it takes commands (fifo)";
  }
  SECTION("no pipe in its configuration") {
    REQUIRE(write_file(world.place + "/lazyfs.toml", "[cache]\n", false));
    reason = "names no fifo_path";
  }
  SECTION("the plan's pipe is none") {
    set_field(world.entry.fields, "fifo", world.place + "/lazyfs.toml");
    reason = "is no named pipe";
  }
  const auto looked = world.fs.look(world.entry);
  REQUIRE_FALSE(looked.has_value());
  CHECK_THAT(looked.error().message, Contains(reason));
}
