#pragma once
// The part of an input that lies in memory while a reader walks over it. Internal to history/.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/text_parser.h"

namespace shaketable {

// One thread. Views and pointers into rest() hold until the next more() or next_line().
class InputWindow {
 public:
  static Result<InputWindow> of_file(const std::string& path);
  // `text` must outlive the window.
  InputWindow(std::string_view text, std::string_view name);
  InputWindow(InputWindow&& other) noexcept;
  InputWindow& operator=(InputWindow&&) = delete;
  ~InputWindow();

  std::string_view rest() const { return {begin_, end_}; }  // read, not yet consumed
  bool complete() const { return complete_; }               // nothing follows rest()
  // Reads on; rest() keeps its content and grows by at least one byte, or complete() becomes true. bad_input where one
  // item is so long that it does not fit.
  Result<void> more();
  void consume(std::size_t bytes);

  // Consumes the line that the last call gave, and gives the next one without its end ("\n" or "\r\n"); false after the
  // last.
  Result<bool> next_line(std::string_view& line);
  std::size_t line_number() const { return line_; }  // of the line that next_line() gave, from 1

  // "file:line:col: found …, expected …"; `at` lies in rest() or at its end.
  Failure failure(const TextProblem& problem, std::string_view end_name = "the end of the file") const;
  // Whether a problem may be one of the window's edge only, cured by more().
  bool may_be_cut(const TextProblem& problem) const;

  const std::string& name() const { return name_; }

 private:
  static constexpr std::size_t kFirstCapacity = std::size_t{256} << 10;
  static constexpr std::size_t kLargestCapacity = std::size_t{1} << 30;
  void count_lines(const char* from, const char* to);

  std::string name_;
  int file_ = -1;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  const char *begin_ = nullptr, *end_ = nullptr;
  const char* line_start_ = nullptr;  // where the current line starts, if that still lies in memory
  std::size_t line_ = 1;              // the line that begin_ is in
  std::size_t columns_gone_ = 0;      // characters of that line before line_start_
  std::size_t line_bytes_ = 0;        // what next_line() gave, with its end
  bool complete_ = true;
};

}  // namespace shaketable
