// The program on a node. The controller runs `serve`; people run `status` and `heal`.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "nemesis/agent/guard.h"
#include "nemesis/agent/serve.h"
#include "nemesis/agent/undo.h"

using namespace shaketable;

namespace {

int usage() {
  std::fputs(
      "usage: shaketable-agent status   what of shaketable is in force on this node\n"
      "       shaketable-agent heal     undo all of it; exit 0: clean, 5: not, or not known\n"
      "       shaketable-agent serve    answer a controller on standard input and output\n",
      stderr);
  return 3;
}

int heal_by_hand() {
  const agent::Healed healed = agent::heal(agent::Journal());
  for (const std::string& what : healed.undone) std::printf("undone: %s\n", what.c_str());
  if (healed.state == agent::Healed::State::clean) {
    std::puts("clean");
    return 0;
  }
  std::printf("%s: %s\n", healed.state == agent::Healed::State::unclean ? "unclean" : "unknown", healed.reason.c_str());
  return 5;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  const char* path = std::getenv("PATH");
  setenv("PATH",
         (std::string("/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin") + (path ? ":" : "") +
          (path ? path : ""))
             .c_str(),
         1);
  setenv("LC_ALL", "C", 1);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  if (word == "serve") return agent::serve(0, 1);
  if (word == "guard") return agent::run_guard(argc > 2 ? 3 : -1);
  if (word == "heal") return heal_by_hand();
  if (word == "status") {
    for (const std::string& line : agent::status(agent::Journal())) std::puts(line.c_str());
    return 0;
  }
  return usage();
}
