// What checking transactional isolation costs, from file to verdict, each check in a process of its own: CPU seconds
// and peak memory as the kernel counts them.
//
//   bench_isolation                          generates histories below $TMPDIR and checks them
//   bench_isolation CHECKER MODEL FILE...    on recorded files; list-append, rw-register or a weak level
//   bench_isolation generate CHECKER N FILE [stale|dirty]   only writes one

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "checkers/isolation/isolation.h"
#include "history/readers.h"

namespace shaketable {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A store that applies each transaction atomically between its invocation and its completion: strict-serializable.
// Twenty clients, ten keys in use by an exponential distribution, each for 32 writes; 2 % fail, 0.5 % have an unknown
// outcome. With `skew`, a reader sees now and then the state of a few transactions ago.
class Generator {
 public:
  Generator(bool lists, std::uint64_t transactions, std::string_view bug, std::FILE* out)
      : lists_(lists), stale_(bug == "stale"), dirty_(bug == "dirty"), left_(transactions), out_(out) {}

  void run() {
    for (std::int64_t i = 0; i < 10; ++i) active_.push_back(next_key_++);
    for (std::int64_t p = 0; p < 20; ++p) free_.push_back(p);
    std::int64_t next_process = 20;
    while (left_ > 0 || !busy_.empty()) {
      if (!free_.empty() && left_ > 0 && (busy_.empty() || random_.chance(0.34))) {
        --left_;
        const std::size_t i = random_.below(free_.size());
        Client client{free_[i], draw(), 'k', 0};
        std::swap(free_[i], free_.back());
        free_.pop_back();
        const double fate = random_.uniform();
        if (fate < 0.02)
          client.fate = 'f';
        else if (fate < 0.025)
          client.fate = 'i';
        emit("invoke", client);
        busy_.push_back(std::move(client));
        continue;
      }
      const std::size_t i = random_.below(busy_.size());
      if (busy_[i].applied < busy_[i].mops.size()) {
        if (dirty_)
          apply_one(busy_[i]);
        else
          apply(busy_[i]);
        continue;
      }
      emit(busy_[i].fate == 'k' ? "ok" : busy_[i].fate == 'f' ? "fail" : "info", busy_[i]);
      free_.push_back(busy_[i].fate == 'i' ? next_process++ : busy_[i].process);
      std::swap(busy_[i], busy_.back());
      busy_.pop_back();
    }
  }

 private:
  struct Mop {
    bool write;
    std::int64_t key, value;
    std::vector<std::int64_t> list;
  };
  struct Client {
    std::int64_t process;
    std::vector<Mop> mops;
    char fate;
    std::size_t applied;  // micro-operations
  };

  std::vector<Mop> draw() {
    std::vector<Mop> mops(1 + random_.below(4));
    for (Mop& mop : mops) {
      const auto slot =
          static_cast<std::size_t>(std::min(9.0, std::floor(std::log2(random_.uniform() * 2046 + 2) - 1)));
      mop = {random_.chance(0.5), active_[slot], 0, {}};
      if (!mop.write) continue;
      if (++writes_[mop.key] > 32) {
        writes_.erase(mop.key);
        mop.key = active_[slot] = next_key_++;
        writes_[mop.key] = 1;
      }
      mop.value = writes_[mop.key];
    }
    return mops;
  }

  void apply_one(Client& client) {
    Mop& mop = client.mops[client.applied++];
    std::vector<std::int64_t>& now = store_[mop.key];
    if (!mop.write)
      mop.list = lists_ || now.empty() ? now : std::vector<std::int64_t>(1, now.back());
    else if (client.fate != 'f')
      now.push_back(mop.value);
  }

  void apply(Client& client) {
    client.applied = client.mops.size();
    std::unordered_map<std::int64_t, std::vector<std::int64_t>> own;
    const bool stale = stale_ && random_.chance(0.05);
    for (Mop& mop : client.mops) {
      if (!own.contains(mop.key)) {
        own[mop.key] = store_[mop.key];
        if (stale && own[mop.key].size() > 1) own[mop.key].pop_back();
      }
      std::vector<std::int64_t>& now = own[mop.key];
      if (mop.write) {
        now.push_back(mop.value);
      } else {
        mop.list = lists_ ? now : std::vector<std::int64_t>(now.empty() ? 0 : 1, now.empty() ? 0 : now.back());
      }
    }
    if (client.fate == 'f' || (client.fate == 'i' && random_.chance(0.5))) return;
    for (const Mop& mop : client.mops) {
      if (mop.write) store_[mop.key].push_back(mop.value);
    }
  }

  void emit(const char* type, const Client& client) {
    line_.clear();
    auto to = std::back_inserter(line_);
    fmt::format_to(to, R"({{"index":{},"time":{},"type":"{}","process":{},"f":"txn","value":[)", index_, index_ * 1000,
                   type, client.process);
    ++index_;
    const bool results = std::string_view(type) == "ok";
    for (const Mop& mop : client.mops) {
      if (&mop != &client.mops.front()) line_ += ',';
      if (mop.write) {
        fmt::format_to(to, R"(["{}",{},{}])", lists_ ? "append" : "w", mop.key, mop.value);
        continue;
      }
      fmt::format_to(to, R"(["r",{},)", mop.key);
      if (!results || mop.list.empty()) {
        line_ += "null]";
        continue;
      }
      if (lists_) line_ += '[';
      for (std::size_t i = 0; i < mop.list.size(); ++i) fmt::format_to(to, "{}{}", i ? "," : "", mop.list[i]);
      line_ += lists_ ? "]]" : "]";
    }
    line_ += "]}\n";
    std::fwrite(line_.data(), 1, line_.size(), out_);
  }

  const bool lists_, stale_, dirty_;
  std::uint64_t left_;
  std::FILE* out_;
  Random random_{7};
  std::vector<std::int64_t> active_, free_;
  std::int64_t next_key_ = 0, index_ = 0;
  std::unordered_map<std::int64_t, std::int64_t> writes_;
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> store_;
  std::vector<Client> busy_;
  std::string line_;
};

bool generate(const std::string& checker, std::uint64_t transactions, std::string_view bug, const std::string& path) {
  std::FILE* out = std::fopen(path.c_str(), "w");
  if (!out) {
    std::perror(path.c_str());
    return false;
  }
  Generator(checker == "list-append", transactions, bug, out).run();
  return std::fclose(out) == 0;
}

int check(const std::string& checker, const std::string& model, const std::string& path) {
  IsolationOptions options;
  options.consistency_models = {model};
  const auto weak = weak_level(checker);
  const auto sink = weak                       ? make_weak_checker({*weak}, options)
                    : checker == "list-append" ? make_list_append_checker(options)
                                               : make_rw_register_checker(options);
  if (const auto read = read_history_file(path, {}, *sink); !read) {
    fmt::print(stderr, "{}\n", read.error().message);
    return 3;
  }
  const double read_seconds = cpu_seconds();
  const Result<Verdict> verdict = sink->finish({}, nullptr);
  if (!verdict) {
    fmt::print(stderr, "{}\n", verdict.error().message);
    return 3;
  }
  const double all_seconds = cpu_seconds();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const Value* component = verdict->details.find("largest_component");
  std::string names;
  for (const auto& [name, _] : verdict->anomalies) names += " " + name;
  fmt::print(
      "{:12} {:20} {:>10} transactions: read {:7.3f} s, check {:7.3f} s, CPU {:7.3f} s, peak {:6} MB, largest "
      "component {}, {}{}\n",
      checker, model, verdict->operations, read_seconds, all_seconds - read_seconds, all_seconds,
      usage.ru_maxrss / 1024, component ? component->integer() : 0, to_string(verdict->valid), names);
  return 0;
}

int check_in_child(const std::string& checker, const std::string& model, const std::string& path) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return 4;
  if (child == 0) {
    const int code = check(checker, model, path);
    std::fflush(stdout);
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

int run_all() {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("bench-isolation-{}", getpid());
  std::filesystem::create_directory(folder);
  struct Line {
    const char *checker, *model;
    std::uint64_t transactions;
    const char* bug;
  };
  const Line lines[] = {
      {"list-append", "strict-serializable", 100'000, ""},
      {"list-append", "serializable", 100'000, ""},
      {"list-append", "strict-serializable", 1'000'000, ""},
      {"list-append", "strict-serializable", 1'000'000, "stale"},
      {"list-append", "strict-serializable", 1'000'000, "dirty"},
      {"rw-register", "strict-serializable", 100'000, ""},
      {"rw-register", "strict-serializable", 1'000'000, ""},
      {"rw-register", "strict-serializable", 1'000'000, "dirty"},
  };
  int worst = 0;
  for (const Line& line : lines) {
    const std::string path = folder / "history.jsonl";
    if (!generate(line.checker, line.transactions, line.bug, path)) return 4;
    worst = std::max(worst, check_in_child(line.checker, line.model, path));
  }
  std::filesystem::remove_all(folder);
  return worst;
}

int main_of(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return run_all();
  if (arguments[0] == "generate" && arguments.size() >= 4)
    return generate(arguments[1], std::strtoull(arguments[2].c_str(), nullptr, 10),
                    arguments.size() > 4 ? arguments[4] : "", arguments[3])
               ? 0
               : 4;
  if (arguments.size() < 3 ||
      (arguments[0] != "list-append" && arguments[0] != "rw-register" && !weak_level(arguments[0]))) {
    fmt::print(stderr, "usage: bench_isolation [list-append|rw-register|WEAK-LEVEL MODEL FILE...]\n");
    return 3;
  }
  int worst = 0;
  for (std::size_t i = 2; i < arguments.size(); ++i)
    worst = std::max(worst, check_in_child(arguments[0], arguments[1], arguments[i]));
  return worst;
}

}  // namespace
}  // namespace shaketable

int main(int argc, char** argv) {
  return shaketable::main_of({argv + 1, argv + argc});
}
