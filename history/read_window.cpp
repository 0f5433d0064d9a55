#include "history/read_window.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace shaketable {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string error_text(int number) {
  return std::generic_category().message(number);
}

std::size_t characters(const char* from, const char* to) {
  return static_cast<std::size_t>(std::count_if(from, to, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

Result<InputWindow> InputWindow::of_file(const std::string& path) {
  InputWindow window({}, path);
  window.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (window.file_ < 0) return bad_input(fmt::format("{}: {}", path, error_text(errno)));
  struct stat status {};
  if (fstat(window.file_, &status) == 0 && S_ISDIR(status.st_mode))
    return bad_input(fmt::format("{}: found a directory, expected a file with a history", path));
  window.complete_ = false;
  while (window.rest().size() < kByteOrderMark.size() && !window.complete_)
    if (auto read = window.more(); !read) return Failure(std::move(read.error()));
  if (window.rest().starts_with(kByteOrderMark)) {
    window.begin_ += kByteOrderMark.size();
    window.line_start_ = window.begin_;
  }
  return window;
}

InputWindow::InputWindow(std::string_view text, std::string_view name)
    : name_(name), begin_(text.data()), end_(text.data() + text.size()), line_start_(text.data()) {}

InputWindow::InputWindow(InputWindow&& other) noexcept
    : name_(std::move(other.name_)),
      file_(std::exchange(other.file_, -1)),
      buffer_(std::move(other.buffer_)),
      capacity_(other.capacity_),
      begin_(other.begin_),
      end_(other.end_),
      line_start_(other.line_start_),
      line_(other.line_),
      columns_gone_(other.columns_gone_),
      line_bytes_(other.line_bytes_),
      complete_(other.complete_) {}

InputWindow::~InputWindow() {
  if (file_ >= 0) ::close(file_);
}

Result<void> InputWindow::more() {
  if (complete_) return {};
  const std::size_t kept = rest().size();
  if (line_start_ != begin_) {
    columns_gone_ += characters(line_start_, begin_);
    line_start_ = begin_;
  }
  // Half of the buffer must be free, so that reading an item again and again as it grows costs no more than twice its
  // length.
  if (kept * 2 >= capacity_) {
    if (capacity_ >= kLargestCapacity)
      return bad_input(fmt::format("{}:{}: found one operation or line of more than {} MiB, expected shorter ones",
                                   name_, line_, capacity_ >> 21));
    const std::size_t wanted = std::max(kFirstCapacity, capacity_ * 2);
    std::unique_ptr<char[]> bigger(new char[wanted]);
    if (kept) std::memcpy(bigger.get(), begin_, kept);
    buffer_ = std::move(bigger);
    capacity_ = wanted;
  } else if (kept) {
    std::memmove(buffer_.get(), begin_, kept);
  }
  begin_ = line_start_ = buffer_.get();
  end_ = begin_ + kept;
  for (;;) {
    const ssize_t got = ::read(file_, buffer_.get() + kept, capacity_ - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return infrastructure(fmt::format("{}: reading failed: {}", name_, error_text(errno)));
    end_ += got;
    complete_ = got == 0;
    return {};
  }
}

void InputWindow::count_lines(const char* from, const char* to) {
  while (from != to) {
    const void* found = std::memchr(from, '\n', static_cast<std::size_t>(to - from));
    if (found == nullptr) return;
    from = static_cast<const char*>(found) + 1;
    ++line_;
    line_start_ = from;
    columns_gone_ = 0;
  }
}

void InputWindow::consume(std::size_t bytes) {
  count_lines(begin_, begin_ + bytes);
  begin_ += bytes;
}

Result<bool> InputWindow::next_line(std::string_view& line) {
  if (line_bytes_) {
    begin_ += line_bytes_;
    if (begin_[-1] == '\n') {
      ++line_;
      line_start_ = begin_;
      columns_gone_ = 0;
    }
    line_bytes_ = 0;
  }
  std::size_t searched = 0;
  for (;;) {
    const std::string_view text = rest();
    const std::size_t newline = text.find('\n', searched);
    if (newline != std::string_view::npos || (complete_ && !text.empty())) {
      line_bytes_ = newline == std::string_view::npos ? text.size() : newline + 1;
      line = text.substr(0, newline);
      if (line.ends_with('\r')) line.remove_suffix(1);
      return true;
    }
    if (complete_) return false;
    searched = text.size();
    if (auto read = more(); !read) return Failure(std::move(read.error()));
  }
}

bool InputWindow::may_be_cut(const TextProblem& problem) const {
  // Nothing that a parser looks at as one piece, but strings, is as long; and those fail at the window's very end.
  constexpr std::ptrdiff_t kLongestPiece = 4096;
  return !complete_ && end_ - problem.at < kLongestPiece;
}

Failure InputWindow::failure(const TextProblem& problem, std::string_view end_name) const {
  std::size_t line = line_, column = columns_gone_;
  const char* start = line_start_;
  for (const char* c = begin_; c < problem.at; ++c) {
    if (*c != '\n') continue;
    ++line;
    start = c + 1;
    column = 0;
  }
  column += characters(start, problem.at) + 1;
  const std::string found = problem.found.empty() ? describe_text(problem.at, end_, end_name) : problem.found;
  return bad_input(fmt::format("{}:{}:{}: found {}, expected {}", name_, line, column, found, problem.expected));
}

}  // namespace shaketable
