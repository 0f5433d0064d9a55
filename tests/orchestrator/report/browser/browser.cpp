#include "tests/orchestrator/report/browser/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "history/text.h"

namespace shaketable::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLimit = std::chrono::seconds(60);

std::string string_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
}

Value map_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value ? *value : Value();
}

std::string decoded(std::string_view base64) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int have = 0;
  for (const char c : base64) {
    const std::size_t at = letters.find(c);
    if (at == std::string_view::npos) break;
    bits = bits << 6 | static_cast<unsigned>(at);
    have += 6;
    if (have >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xFF);
  }
  return out;
}

}  // namespace

std::string Browser::program() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
    if (::access(path, X_OK) == 0) return path;
  return {};
}

Browser::Browser() {
  profile_ = (std::filesystem::temp_directory_path() / "shaketable-browser-XXXXXX").string();
  REQUIRE(::mkdtemp(profile_.data()));
  std::array<int, 2> in{}, out{};
  REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  const std::string path = program(), profile = "--user-data-dir=" + profile_;
  std::vector<const char*> arguments{path.c_str(),
                                     "--headless=new",
                                     "--no-sandbox",
                                     "--disable-gpu",
                                     "--disable-dev-shm-usage",
                                     "--hide-scrollbars",
                                     "--no-first-run",
                                     "--disable-background-networking",
                                     "--remote-debugging-pipe",
                                     profile.c_str(),
                                     "about:blank",
                                     nullptr};
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::setpgid(0, 0);
    // First out of the way of 3 and 4, which are the ends that the browser looks for.
    const int read_end = ::fcntl(in[0], F_DUPFD, 20), write_end = ::fcntl(out[1], F_DUPFD, 20);
    ::dup2(read_end, 3);
    ::dup2(write_end, 4);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
    ::execv(path.c_str(), const_cast<char* const*>(arguments.data()));
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
  const Value targets = call("Target.getTargets");
  std::string target;
  for (const Value& info : map_at(targets, "targetInfos").items())
    if (string_at(info, "type") == "page") target = string_at(info, "targetId");
  REQUIRE_FALSE(target.empty());
  session_ = string_at(call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}}), "sessionId");
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) call(domain);
}

Browser::~Browser() {
  ::close(to_);
  ::close(from_);
  // Without its pipe it ends by itself; what has not after 5 s is made to.
  const auto until = Clock::now() + std::chrono::seconds(5);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() > until) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::error_code problem;
  std::filesystem::remove_all(profile_, problem);
}

Value Browser::read_message() {
  const auto until = Clock::now() + kLimit;
  std::size_t end = 0;
  while ((end = buffer_.find('\0')) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd wait{from_, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) FAIL("the browser did not answer within 60 s");
    std::array<char, 65536> chunk;
    const ssize_t got = ::read(from_, chunk.data(), chunk.size());
    if (got <= 0) FAIL("the browser ended");
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
  const auto message = parse_json(std::string_view(buffer_).substr(0, end));
  if (!message) FAIL(message.error().message);
  buffer_.erase(0, end + 1);
  return *message;
}

void Browser::note_event(const Value& message) {
  const std::string method = string_at(message, "method");
  const Value parameters = map_at(message, "params");
  if (method == "Page.loadEventFired") ++loads_;
  if (method == "Runtime.exceptionThrown") complaints_.push_back(to_json(map_at(parameters, "exceptionDetails")));
  if (method == "Runtime.consoleAPICalled") complaints_.push_back(to_json(map_at(parameters, "args")));
  if (method == "Log.entryAdded") complaints_.push_back(string_at(map_at(parameters, "entry"), "text"));
  if (method == "Network.requestWillBeSent") requests_.push_back(string_at(map_at(parameters, "request"), "url"));
}

Value Browser::call(std::string_view method, std::vector<std::pair<Value, Value>> parameters) {
  const std::int64_t number = ++calls_;
  std::vector<std::pair<Value, Value>> entries{
      {"id", number}, {"method", method}, {"params", Value::map(std::move(parameters))}};
  if (!session_.empty()) entries.emplace_back("sessionId", session_);
  const std::string text = to_json(Value::map(std::move(entries)));
  for (std::size_t sent = 0; sent <= text.size();) {
    const ssize_t wrote = ::write(to_, text.c_str() + sent, text.size() + 1 - sent);
    if (wrote <= 0) FAIL("the browser takes no more commands");
    sent += static_cast<std::size_t>(wrote);
  }
  for (;;) {
    const Value message = read_message();
    const Value* id = message.find("id");
    if (!id || !id->is_integer() || id->integer() != number) {
      note_event(message);
      continue;
    }
    if (const Value* error = message.find("error")) FAIL(method << ": " << to_json(*error));
    return map_at(message, "result");
  }
}

void Browser::open(const std::string& path, int width, int height, bool dark) {
  complaints_.clear();
  requests_.clear();
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
  color_scheme(dark);
  const std::int64_t before = loads_;
  call("Page.navigate", {{"url", "file://" + path}});
  while (loads_ == before) note_event(read_message());
  eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
}

void Browser::color_scheme(bool dark) {
  call("Emulation.setEmulatedMedia",
       {{"features",
         Value::list({Value::map({{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}})})}});
}

Value Browser::eval(const std::string& expression) {
  const Value answer =
      call("Runtime.evaluate", {{"expression", expression}, {"awaitPromise", true}, {"returnByValue", true}});
  if (const Value* thrown = answer.find("exceptionDetails")) FAIL(expression << ": " << to_json(*thrown));
  return map_at(map_at(answer, "result"), "value");
}

std::string Browser::text(const std::string& expression) {
  const Value value = eval(expression);
  if (value.kind() != Value::Kind::string) FAIL(expression << " is no text but " << to_json(value));
  return std::string(value.text());
}

std::int64_t Browser::number(const std::string& expression) {
  const Value value = eval("Math.round(" + expression + ")");
  if (!value.is_integer()) FAIL(expression << " is no number but " << to_json(value));
  return value.integer();
}

bool Browser::truth(const std::string& expression) {
  const Value value = eval("Boolean(" + expression + ")");
  return value.kind() == Value::Kind::boolean && value.boolean();
}

void Browser::wait_for(const std::string& expression) {
  const auto until = Clock::now() + kLimit;
  while (!truth(expression)) {
    if (Clock::now() > until) FAIL("not within 60 s: " << expression);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Browser::click(const std::string& selector) {
  const std::string element = "document.querySelector(" + to_json(Value(selector)) + ")";
  eval(element + ".scrollIntoView({block: 'center', behavior: 'instant'})");
  const auto at = [&](const char* side, const char* size) {
    return static_cast<double>(
        number("(r => r." + std::string(side) + " + r." + size + " / 2)(" + element + ".getBoundingClientRect())"));
  };
  click_at(at("left", "width"), at("top", "height"));
}

void Browser::click_at(double x, double y) {
  for (const char* type : {"mousePressed", "mouseReleased"})
    call("Input.dispatchMouseEvent", {{"type", type}, {"x", x}, {"y", y}, {"button", "left"}, {"clickCount", 1}});
}

void Browser::press(const std::string& key) {
  const bool typed = key.size() == 1;
  const int code = key == "Tab" ? 9 : key == "Enter" ? 13 : 0;
  std::vector<std::pair<Value, Value>> down{
      {"type", typed ? "keyDown" : "rawKeyDown"}, {"key", key}, {"code", key}, {"windowsVirtualKeyCode", code}};
  if (typed) down.emplace_back("text", key);
  call("Input.dispatchKeyEvent", std::move(down));
  call("Input.dispatchKeyEvent", {{"type", "keyUp"}, {"key", key}, {"code", key}, {"windowsVirtualKeyCode", code}});
}

void Browser::screenshot(const std::string& path) {
  // What an animation frame has asked for is drawn first.
  eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
  const std::string png = decoded(string_at(call("Page.captureScreenshot", {{"format", "png"}}), "data"));
  std::ofstream(path, std::ios::binary) << png;
}

}  // namespace shaketable::testing
