#pragma once
// Ctrl-C and SIGTERM: the first ends the load, and the run heals and judges what there is; the second leaves out the
// judging; from the third on the program says what to do by hand and goes on healing. A node is never left broken to
// be quick.

#include <stop_token>
#include <thread>

namespace shaketable {

// One at a time. Construct it before other threads start: they must not be the ones that get the signals' default
// action.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Starts the thread that turns signals into stop requests. Call after the process entered the lab's network.
  void watch();

  static int count();                                               // signals so far
  std::stop_token load() const { return load_.get_token(); }        // stopped by the first
  std::stop_token judging() const { return judging_.get_token(); }  // stopped by the second

 private:
  std::stop_source load_, judging_;
  std::jthread watcher_;
};

}  // namespace shaketable
