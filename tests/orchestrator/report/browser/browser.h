#pragma once
// Chromium without a window, driven over its DevTools pipe (--remote-debugging-pipe: JSON between two descriptors, each
// message ended by a NUL). One page. Owned by one thread. Every wait ends after 60 s with a failed test.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "history/value.h"

namespace shaketable::testing {

class Browser {
 public:
  // Where it is; empty: not on this machine.
  static std::string program();

  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Opens a file and waits until it is loaded and drawn. Forgets what was complained about and asked for before.
  void open(const std::string& path, int width = 1100, int height = 800, bool dark = false);
  // What an expression comes to, a promise's result included.
  Value eval(const std::string& expression);
  std::string text(const std::string& expression);     // of eval(), which must be a string
  std::int64_t number(const std::string& expression);  // likewise a whole number
  bool truth(const std::string& expression);           // likewise true or false
  // Waits until an expression is true.
  void wait_for(const std::string& expression);
  void click(const std::string& selector);  // a real click into its middle, wherever it has to scroll for that
  void click_at(double x, double y);        // of the window
  void press(const std::string& key);       // "Tab", "Enter", "ArrowRight", "+"
  void screenshot(const std::string& path);
  void color_scheme(bool dark);

  // Exceptions, errors of the console, violations of the page's policy.
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<std::string>& requests() const { return requests_; }  // addresses that the page asked for

 private:
  Value call(std::string_view method, std::vector<std::pair<Value, Value>> parameters = {});
  Value read_message();
  void note_event(const Value& message);

  int pid_ = -1, to_ = -1, from_ = -1;
  std::string profile_, buffer_, session_;
  std::int64_t calls_ = 0, loads_ = 0;
  std::vector<std::string> complaints_, requests_;
};

}  // namespace shaketable::testing
