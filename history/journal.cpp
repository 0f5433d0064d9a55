#include "history/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

namespace shaketable {
namespace {

constexpr char kMagic[8] = {'S', 'H', 'A', 'K', 'E', 'J', 'L', '1'};
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kPublishedAt = 64;  // the next record's number, then its complement
constexpr std::size_t kLargestFile = 1u << 30;

struct Header {
  char magic[8];
  std::uint64_t run_id, segment_bytes, segments, checksum;
};

std::uint64_t checksum_of(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, checksum));
}

std::uint64_t checksum_of(const RecordHead* record, std::uint64_t run_id) {
  const std::uint64_t head = XXH3_64bits_withSeed(record, offsetof(RecordHead, checksum), run_id);
  return XXH3_64bits_withSeed(record + 1, record->bytes - sizeof(RecordHead), head);
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + 7) & ~std::size_t{7};
}

std::string system_error(std::string_view what, const std::string& path) {
  return fmt::format("{}: {}: {}", path, what, std::strerror(errno));
}

// Byte 0 is locked by the recorder as long as it lives, byte 1 by whoever merges. Locks of the open file description,
// not of the process: closing another descriptor of the file does not drop them.
bool set_lock(int file, off_t byte) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool is_locked(int file, off_t byte) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

std::optional<InvokeView> invoke_view(RecordView record) {
  const std::string_view payload = record.payload();
  InvokeView view;
  if (payload.size() < sizeof view.fixed) return std::nullopt;
  std::memcpy(&view.fixed, payload.data(), sizeof view.fixed);
  const std::size_t n = view.fixed.node_bytes, f = view.fixed.f_bytes, v = view.fixed.value_bytes,
                    d = view.fixed.due_bytes;
  if ((d != 0 && d != sizeof view.due_ns) || payload.size() != sizeof view.fixed + n + f + v + d) return std::nullopt;
  view.node = payload.substr(sizeof view.fixed, n);
  view.f = payload.substr(sizeof view.fixed + n, f);
  view.value = payload.substr(sizeof view.fixed + n + f, v);
  if (d != 0) std::memcpy(&view.due_ns, payload.data() + sizeof view.fixed + n + f + v, d);
  return view;
}

std::optional<CompleteView> complete_view(RecordView record) {
  const std::string_view payload = record.payload();
  CompleteView view;
  if (payload.size() < sizeof view.fixed) return std::nullopt;
  std::memcpy(&view.fixed, payload.data(), sizeof view.fixed);
  const std::size_t v = view.fixed.value_bytes, e = view.fixed.error_bytes;
  if (payload.size() != sizeof view.fixed + v + e) return std::nullopt;
  view.value = payload.substr(sizeof view.fixed, v);
  view.error = payload.substr(sizeof view.fixed + v, e);
  return view;
}

Result<std::unique_ptr<Journal>> Journal::create(const std::string& path, std::uint64_t run_id, Shape shape,
                                                 const Clock& clock) {
  std::unique_ptr<Journal> journal(new Journal);
  Journal& j = *journal;
  j.path_ = path;
  j.shape_ = {aligned(std::max<std::size_t>(shape.segment_bytes, 4096)), std::max<std::size_t>(shape.segments, 2)};
  j.run_id_ = run_id;
  j.clock_ = &clock;
  j.ends_.assign(j.shape_.segments, 0);
  j.map_bytes_ = kHeaderBytes + j.shape_.segment_bytes * j.shape_.segments;
  j.file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (j.file_ < 0) return infrastructure(system_error("cannot create the journal", path));
  if (!set_lock(j.file_, 0)) return infrastructure(system_error("cannot lock the journal", path));
  if (const int problem = posix_fallocate(j.file_, 0, static_cast<off_t>(j.map_bytes_)); problem != 0) {
    errno = problem;
    Failure error = infrastructure(system_error("no space for the journal", path));
    ::unlink(path.c_str());
    return error;
  }
  void* map = ::mmap(nullptr, j.map_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, j.file_, 0);
  if (map == MAP_FAILED) return infrastructure(system_error("cannot map the journal", path));
  j.map_ = static_cast<char*>(map);
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.run_id = run_id;
  header.segment_bytes = j.shape_.segment_bytes;
  header.segments = j.shape_.segments;
  header.checksum = checksum_of(header);
  std::memcpy(j.map_, &header, sizeof header);
  j.publish();
  return journal;
}

Journal::~Journal() {
  if (map_) ::munmap(map_, map_bytes_);
  if (file_ >= 0) ::close(file_);
}

char* Journal::segment(std::uint64_t ordinal) const {
  return map_ + kHeaderBytes + (ordinal % shape_.segments) * shape_.segment_bytes;
}

// The process may die between any two stores: a reader accepts the pair that is off by one.
void Journal::publish() {
  auto* published = reinterpret_cast<volatile std::uint64_t*>(map_ + kPublishedAt);
  published[0] = next_sequence_;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  published[1] = ~next_sequence_;
}

std::size_t Journal::max_payload() const {
  return shape_.segment_bytes - sizeof(RecordHead);
}

Result<Journal::Stamp> Journal::append(RecordKind kind, std::string_view payload, Nanos stall_limit) {
  const std::size_t bytes = sizeof(RecordHead) + payload.size();
  if (bytes > shape_.segment_bytes)
    return bad_input(fmt::format("a record of {} bytes does not fit into the journal's segments of {}", bytes,
                                 shape_.segment_bytes));
  std::unique_lock lock(mutex_);
  if (failure_) return tl::unexpected(*failure_);
  // Another thread may have moved on to the next segment, and even have filled it, while this one waited.
  while (write_offset_ + bytes > shape_.segment_bytes) {
    if (write_segment_ + 1 - released_segment_ < shape_.segments) {
      ends_[write_segment_ % shape_.segments] = write_offset_;
      ++write_segment_;
      write_offset_ = 0;
      appended_.notify_one();
      break;
    }
    ++waits_;
    awake_ = true;
    appended_.notify_one();
    const std::uint64_t full = write_segment_;
    const bool room = taken_.wait_for(lock, stall_limit, [&] {
      return failure_ || write_segment_ != full || write_segment_ + 1 - released_segment_ < shape_.segments;
    });
    if (failure_) return tl::unexpected(*failure_);
    if (!room)
      return infrastructure(fmt::format("{}: nothing could be written for {} s: is the disk stuck?", path_,
                                        std::chrono::duration_cast<std::chrono::seconds>(stall_limit).count()));
  }
  const bool event = kind == RecordKind::invoke || kind == RecordKind::complete;
  const Stamp stamp{event ? next_position_ : 0, clock_->now().count()};
  auto* head = reinterpret_cast<RecordHead*>(segment(write_segment_) + write_offset_);
  head->bytes = static_cast<std::uint32_t>(bytes);
  head->kind = static_cast<std::uint32_t>(kind);
  head->sequence = next_sequence_;
  head->position = stamp.position;
  head->time_ns = stamp.time_ns;
  if (!payload.empty()) std::memcpy(head + 1, payload.data(), payload.size());
  head->checksum = checksum_of(head, run_id_);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // a count must not be stored before its record
  write_offset_ += aligned(bytes);
  ++next_sequence_;
  if (event) ++next_position_;
  publish();
  return stamp;
}

std::vector<RecordView> Journal::take(std::size_t limit, Nanos wait) {
  std::unique_lock lock(mutex_);
  // Appending wakes the taker once a segment at most: a wake-up for each record would cost more than the record.
  appended_.wait_for(lock, wait, [&] { return awake_ || write_segment_ > read_segment_; });
  awake_ = false;
  const std::uint64_t last_segment = write_segment_;
  const std::size_t last_offset = write_offset_;
  const std::vector<std::size_t> ends = ends_;
  lock.unlock();

  std::vector<RecordView> records;
  while (records.size() < limit) {
    const std::size_t end = read_segment_ == last_segment ? last_offset : ends[read_segment_ % shape_.segments];
    if (read_offset_ == end) {
      if (read_segment_ == last_segment) break;
      ++read_segment_;
      read_offset_ = 0;
      continue;
    }
    const auto* head = reinterpret_cast<const RecordHead*>(segment(read_segment_) + read_offset_);
    records.push_back({head});
    read_offset_ += aligned(head->bytes);
  }
  return records;
}

void Journal::release() {
  std::lock_guard lock(mutex_);
  released_segment_ = read_segment_;
  taken_.notify_all();
}

void Journal::wake() {
  std::lock_guard lock(mutex_);
  awake_ = true;
  appended_.notify_one();
}

void Journal::fail(Error error) {
  std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  taken_.notify_all();
}

std::optional<Error> Journal::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

std::uint64_t Journal::waits() const {
  std::lock_guard lock(mutex_);
  return waits_;
}

std::uint64_t Journal::events() const {
  std::lock_guard lock(mutex_);
  return next_position_;
}

std::uint64_t Journal::sequence() const {
  std::lock_guard lock(mutex_);
  return next_sequence_;
}

void Journal::remove() {
  ::unlink(path_.c_str());
}

Result<std::optional<JournalFile>> JournalFile::open(const std::string& path, bool may_write) {
  int file = may_write ? ::open(path.c_str(), O_RDWR | O_CLOEXEC) : -1;
  if (file < 0 && !(may_write && errno == ENOENT)) file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) return JournalFile(path, file);
  if (errno == ENOENT) return std::nullopt;
  return infrastructure(system_error("cannot open the journal", path));
}

JournalFile::~JournalFile() {
  if (file_ >= 0) ::close(file_);
}

bool JournalFile::recorder_lives() const {
  return is_locked(file_, 0);
}

Result<bool> JournalFile::lock_for_merge(Nanos timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!set_lock(file_, 1)) {
    if (errno != EAGAIN && errno != EACCES) return infrastructure(system_error("cannot lock the journal", path_));
    if (std::chrono::steady_clock::now() >= deadline)
      return infrastructure(fmt::format("{}: another process has been merging the journal for too long", path_));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  struct stat mine {};
  struct stat now {};
  if (::fstat(file_, &mine) != 0) return infrastructure(system_error("cannot look at the journal", path_));
  return ::stat(path_.c_str(), &now) == 0 && mine.st_ino == now.st_ino && mine.st_dev == now.st_dev;
}

Result<JournalCopy> JournalFile::copy() const {
  struct stat status {};
  if (::fstat(file_, &status) != 0) return infrastructure(system_error("cannot look at the journal", path_));
  if (static_cast<std::uint64_t>(status.st_size) > kLargestFile)
    return bad_input(fmt::format("{}: {} bytes are too many for a journal", path_, status.st_size));
  JournalCopy copy;
  const auto size = static_cast<std::size_t>(status.st_size);
  copy.bytes.assign((size + 7) / 8, 0);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(file_, reinterpret_cast<char*>(copy.bytes.data()) + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return infrastructure(system_error("cannot read the journal", path_));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return copy;
}

void JournalFile::remove() {
  ::unlink(path_.c_str());
}

void find_records(JournalCopy& copy, std::uint64_t run_id, std::uint64_t from, bool live) {
  const char* begin = reinterpret_cast<const char*>(copy.bytes.data());
  const std::size_t size = copy.bytes.size() * 8;
  copy.next_sequence = from;
  if (size < kHeaderBytes) {
    copy.damage.push_back("history.journal is cut off: events after the last commit may be missing");
    return;
  }
  Header header;
  std::memcpy(&header, begin, sizeof header);
  if (header.checksum == checksum_of(header) && header.run_id != run_id) {
    copy.damage.push_back("history.journal belongs to another run: events after the last commit may be missing");
    return;
  }
  std::uint64_t published[2];
  std::memcpy(published, begin + kPublishedAt, sizeof published);
  const std::uint64_t before = live ? std::max(from, published[0]) : UINT64_MAX;
  for (std::size_t at = kHeaderBytes; at + sizeof(RecordHead) <= size;) {
    const auto* head = reinterpret_cast<const RecordHead*>(begin + at);
    const bool candidate = head->kind >= static_cast<std::uint32_t>(RecordKind::invoke) &&
                           head->kind <= static_cast<std::uint32_t>(RecordKind::meta) && head->sequence >= from &&
                           head->sequence < before && head->bytes >= sizeof(RecordHead) && head->bytes <= size - at;
    if (candidate && head->checksum == checksum_of(head, run_id)) {
      copy.records.push_back({head});
      at += aligned(head->bytes);
    } else {
      at += 8;
    }
  }
  std::sort(copy.records.begin(), copy.records.end(),
            [](RecordView a, RecordView b) { return a.head->sequence < b.head->sequence; });
  copy.records.erase(std::unique(copy.records.begin(), copy.records.end(),
                                 [](RecordView a, RecordView b) { return a.head->sequence == b.head->sequence; }),
                     copy.records.end());

  std::uint64_t missing = 0;
  for (const RecordView& record : copy.records) {
    missing += record.head->sequence - copy.next_sequence;
    copy.next_sequence = record.head->sequence + 1;
  }
  if (published[0] != ~published[1] && published[0] != ~published[1] + 1) {
    copy.damage.push_back("history.journal's header is damaged: events at its end may be missing");
  } else if (published[0] > copy.next_sequence) {
    missing += published[0] - copy.next_sequence;
    copy.next_sequence = published[0];
  }
  if (missing > 0)
    copy.damage.push_back(fmt::format("history.journal is damaged: {} of the last {} records are missing", missing,
                                      copy.next_sequence - from));
}

}  // namespace shaketable
