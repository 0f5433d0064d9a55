#pragma once
// Expected errors are values. An Error says what went wrong in words a user can act on; its kind decides the exit code.

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace shaketable {

enum class ErrorKind {
  bad_input,       // a plan, a history or a command line that cannot be used as it is: exit code 3
  infrastructure,  // a node, a network, a disk, a program that is missing: exit code 4
  interrupted,     // somebody pressed Ctrl-C: exit code 130
};

struct Error {
  ErrorKind kind = ErrorKind::infrastructure;
  std::string
      message;  // one sentence, place first, remedy last; no trailing newline (plan errors carry source line and caret)

  // The same error with the place where it happened put before it: "node n1: " + message.
  Error in(std::string_view place) && {
    message.insert(0, ": ").insert(0, place);
    return std::move(*this);
  }
  Error in(std::string_view place) const& { return Error(*this).in(place); }
};

template <class T>
using Result = tl::expected<T, Error>;
using Failure = tl::unexpected<Error>;

inline Failure bad_input(std::string message) {
  return Failure(Error{ErrorKind::bad_input, std::move(message)});
}
inline Failure infrastructure(std::string message) {
  return Failure(Error{ErrorKind::infrastructure, std::move(message)});
}

}  // namespace shaketable
