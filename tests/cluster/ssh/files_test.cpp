// Files to and from a node.

#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "cluster/ssh_remote.h"
#include "tests/cluster/ssh/own_sshd.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

std::string all_bytes(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 7 + i / 256) & 255);
  return out;
}

int entries(const std::string& directory) {
  return static_cast<int>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

void check_uploads(SshRemote& remote, const std::string& directory) {
  const std::string path = directory + "/it's a file";
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256'000}, std::size_t{3'000'001}}) {
    const std::string content = all_bytes(size);
    const auto result = remote.upload(content, path, 0640);
    INFO((result ? "" : result.error().message));
    REQUIRE(result);
    CHECK(read_file(path) == content);
    CHECK((fs::status(path).permissions() & fs::perms::mask) == fs::perms(0640));
  }
  CHECK(entries(directory) == 1);  // what was there is replaced, and no temporary file stays
  const auto absent = remote.upload("x", directory + "/no/such/file", 0600);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message.find(directory + "/no/such/file") == 0);
  fs::create_directory(directory + "/directory");
  CHECK_FALSE(remote.upload("x", directory + "/directory", 0600));
  CHECK(entries(directory + "/directory") == 0);
  CHECK(entries(directory) == 2);
}

}  // namespace

TEST_CASE("Upload over SFTP: binary safe, the mode as asked, replaced in one step") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  Folder folder;
  check_uploads(remote, folder.path());
  CHECK(remote.sessions_made() == 1);
  CHECK(remote.upload("x", folder / "no/such", 0600).error().message.find("no such directory") != std::string::npos);
}

TEST_CASE("Upload where the server has no SFTP goes through a command") {
  OwnSshd sshd("");
  SshRemote remote(sshd.node());
  Folder folder;
  check_uploads(remote, folder.path());
  CHECK(remote.sessions_made() == 1);
}

TEST_CASE("Upload to a disk that is full says so and leaves nothing behind", "[root]") {
  if (::getuid() != 0) {
    WARN("skipped: mounting a small tmpfs needs root");
    return;
  }
  OwnSshd sshd;
  Folder folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=200k") != 0) {
    WARN("skipped: a tmpfs cannot be mounted here");
    return;
  }
  const std::shared_ptr<void> unmount(nullptr, [&](void*) { ::umount2(folder.path().c_str(), MNT_DETACH); });
  SshRemote remote(sshd.node());
  const std::string path = folder / "big";
  for (const bool by_command : {false, true}) {
    const auto result = by_command ? remote.upload_by_command(all_bytes(1'000'000), path, 0600)
                                   : remote.upload(all_bytes(1'000'000), path, 0600);
    REQUIRE_FALSE(result);
    INFO(result.error().message);
    CHECK(result.error().kind == ErrorKind::infrastructure);
    CHECK(result.error().message.find(path + ": the disk is full: " + folder.path() +
                                      " has 200.0 KiB free, the file needs ") == 0);
    CHECK(entries(folder.path()) == 0);
  }
  CHECK(remote.upload(all_bytes(100'000), path, 0600));
}

TEST_CASE("Upload to a peer that is stopped ends at its deadline") {
  // Reading an SFTP packet has no deadline in libssh: the socket is shut down under it.
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  spec.ssh.connect_timeout = 1s;
  SshRemote remote(spec);
  REQUIRE(remote.connect());
  Folder folder;
  REQUIRE(remote.upload("x", folder / "first", 0600));
  sshd.signal_sessions(SIGSTOP);
  remote.limit_transfer_time(500ms);
  const auto result = remote.upload(all_bytes(100), folder / "second", 0600);
  remote.limit_transfer_time(0s);
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("no end within 500ms") != std::string::npos);
  sshd.signal_sessions(SIGCONT);
  CHECK(remote.upload("x", folder / "third", 0600));
  CHECK(remote.sessions_made() == 2);
}

TEST_CASE("Download gives the last bytes of a file") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  Folder folder;
  const std::string content = all_bytes(2'000'000);
  write_file(folder / "log", content);
  CHECK(remote.download(folder / "log", 10'000'000).value() == content);
  CHECK(remote.download(folder / "log", 1000).value() == content.substr(content.size() - 1000));
  const auto absent = remote.download(folder / "absent", 1000);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message.find(folder / "absent: cannot be read: exit code 1: ") == 0);
  CHECK(absent.error().message.find("No such file or directory") != std::string::npos);
}
