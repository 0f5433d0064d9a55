#pragma once
// The crash-proof journal beside a history.db: a mapped file (MAP_SHARED: what was stored in it survives the process)
// of equal segments used in turn. docs/history-format.md describes the bytes.
//
// A record says its own length, its number and a checksum seeded with the run's id, so that reading needs no index: it
// looks at every eighth byte for records of this run. Records numbered below what SQLite has committed are leavings of
// an earlier round; of the others none may be missing.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

enum class RecordKind : std::uint32_t {
  invoke = 1,
  complete = 2,
  fault = 3,
  node = 4,
  clock_offset = 5,
  note = 6,
  meta = 7
};

// As it lies in the file: 8-byte aligned, little-endian, followed by the payload.
struct RecordHead {
  std::uint32_t bytes;     // of head and payload
  std::uint32_t kind;      // RecordKind
  std::uint64_t sequence;  // 0, 1, 2 … over all records of the run
  std::uint64_t position;  // invoke, complete: in the total order of events. Else 0
  std::int64_t time_ns;
  std::uint64_t checksum;  // of everything else, payload included
};

struct InvokePayload {  // followed by node, f and value (stored JSON) and, if there was one, the due time (8 bytes)
  std::int64_t process, worker;
  std::uint32_t node_bytes, f_bytes, value_bytes, due_bytes;  // due_bytes: 0 or 8
};

struct CompletePayload {  // followed by value and error (stored JSON)
  std::uint64_t invocation;
  std::uint32_t type, value_bytes, error_bytes, unused;
};

// A record in mapped or copied memory, which must outlive the view.
struct RecordView {
  const RecordHead* head = nullptr;
  std::string_view payload() const {
    return {reinterpret_cast<const char*>(head + 1), head->bytes - sizeof(RecordHead)};
  }
  RecordKind kind() const { return static_cast<RecordKind>(head->kind); }
};

// The views of an event's payload; nullopt if its lengths do not add up.
struct InvokeView {
  InvokePayload fixed;
  std::string_view node, f, value;
  std::int64_t due_ns = -1;
};
struct CompleteView {
  CompletePayload fixed;
  std::string_view value, error;
};
std::optional<InvokeView> invoke_view(RecordView record);
std::optional<CompleteView> complete_view(RecordView record);

// The writing side. append() by any thread; take() and release() by one other thread.
class Journal {
 public:
  struct Shape {
    std::size_t segment_bytes, segments;
  };

  // Creates the file with all its space, so that a full disk is an error here and not a SIGBUS later, and holds the
  // recorder's lock on it.
  static Result<std::unique_ptr<Journal>> create(const std::string& path, std::uint64_t run_id, Shape shape,
                                                 const Clock& clock);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  struct Stamp {
    std::uint64_t position;
    std::int64_t time_ns;
  };
  std::size_t max_payload() const;
  // Numbers, stamps and stores a record; events (invoke, complete) get the next position. Waits for a free segment
  // until `stall_limit` has passed or fail() was called.
  Result<Stamp> append(RecordKind kind, std::string_view payload, Nanos stall_limit);

  // Records not taken yet, at most `limit`, in order. They stay where they are until release(). Waits up to `wait` for
  // the first one, and no longer once wake() was called.
  std::vector<RecordView> take(std::size_t limit, Nanos wait);
  // Everything taken so far is in SQLite: segments that hold nothing else may be used again.
  void release();
  void wake();

  void fail(Error error);  // from now on append() returns this
  std::optional<Error> failure() const;
  std::uint64_t waits() const;
  std::uint64_t events() const;
  std::uint64_t sequence() const;  // of the next record

  // Removes the file. The mapping lasts until the destructor.
  void remove();

 private:
  Journal() = default;
  char* segment(std::uint64_t ordinal) const;
  void publish();

  std::string path_;
  int file_ = -1;
  char* map_ = nullptr;
  std::size_t map_bytes_ = 0;
  Shape shape_{};
  std::uint64_t run_id_ = 0;
  const Clock* clock_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable taken_, appended_;
  std::vector<std::size_t> ends_;    // by slot: bytes used
  std::uint64_t write_segment_ = 0;  // ordinals; the slot is the remainder by shape_.segments
  std::size_t write_offset_ = 0;
  std::uint64_t next_sequence_ = 0, next_position_ = 0, waits_ = 0;
  bool awake_ = false, taker_waits_ = false;
  std::optional<Error> failure_;
  std::uint64_t released_segment_ = 0;  // the oldest ordinal still in use

  std::uint64_t read_segment_ = 0;  // the taker's own
  std::size_t read_offset_ = 0;
  std::uint64_t taken_sequence_ = 0;
};

// The reading side: a copy of the journal as it was at one moment.
struct JournalCopy {
  std::vector<std::uint64_t> bytes;  // 8-byte aligned
  std::vector<RecordView> records;   // with sequence >= `from`, ascending, each once
  std::vector<std::string> damage;   // records that must have been there and are not
  std::uint64_t next_sequence = 0;   // after the last record there ever was, as far as can be told
};

// An open journal file of a run: who records into it, and the right to merge it.
class JournalFile {
 public:
  // nullopt: there is no such file.
  static Result<std::optional<JournalFile>> open(const std::string& path, bool may_write);
  JournalFile(JournalFile&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  ~JournalFile();

  bool recorder_lives() const;
  // Waits up to `timeout` for others who merge. False: the file is gone meanwhile, somebody else has merged it.
  Result<bool> lock_for_merge(Nanos timeout);
  // Finds the bytes; records are not interpreted yet.
  Result<JournalCopy> copy() const;
  void remove();

 private:
  JournalFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  int file_;
};

// Fills records, damage and next_sequence: the records of run `run_id` numbered from `from` on. Of a journal that was
// being written while it was copied (`live`), only those that were complete when the copying began.
void find_records(JournalCopy& copy, std::uint64_t run_id, std::uint64_t from, bool live);

}  // namespace shaketable
