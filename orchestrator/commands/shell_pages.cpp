#include "orchestrator/commands/shell_pages.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "base/text.h"

namespace shaketable {
namespace {

struct Words {
  std::string path;                // "lab up"; empty: the program itself
  std::vector<std::string> names;  // of its subcommands, options, and of what it takes where that is a choice
  std::vector<std::string> takes;  // an option whose value is a choice: "--kernel host uml"
  bool files = false;
};

bool hidden(const CLI::App& app) {
  return app.get_group().empty();
}

// "{a,b}" in an option's type is its choice.
std::vector<std::string> choices(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{'), end = type.find('}');
  std::vector<std::string> out;
  if (begin == std::string::npos || end == std::string::npos) return out;
  std::string word;
  for (const char c : type.substr(begin + 1, end - begin - 1) + ",") {
    if (c == ',') {
      out.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  return out;
}

std::vector<std::string> flags(const CLI::Option& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.get_lnames()) out.push_back("--" + name);
  for (const std::string& name : option.get_snames()) out.push_back("-" + name);
  return out;
}

void collect(const CLI::App& app, const std::string& path, std::vector<Words>& out) {
  Words words;
  words.path = path;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App* a) { return !hidden(*a); }))
    words.names.push_back(each->get_name());
  for (const CLI::Option* option : app.get_options()) {
    const auto names = flags(*option);
    const auto values = choices(*option);
    if (names.empty()) {
      words.names.insert(words.names.end(), values.begin(), values.end());
      words.files = words.files || values.empty();
    } else {
      words.names.insert(words.names.end(), names.begin(), names.end());
      if (!values.empty()) words.takes.push_back(names.front() + " " + join(values, " "));
    }
  }
  out.push_back(std::move(words));
  for (const CLI::App* each : app.get_subcommands([](const CLI::App* a) { return !hidden(*a); }))
    collect(*each, path.empty() ? each->get_name() : path + " " + each->get_name(), out);
}

// The function both shells share: from the words before the cursor to those that may follow, and whether files may.
std::string choosing(const CLI::App& app) {
  std::vector<Words> all;
  collect(app, "", all);
  std::string paths, cases, values;
  for (const Words& each : all) {
    if (!each.path.empty()) paths += fmt::format("{}'{}'", paths.empty() ? "" : "|", each.path);
    cases += fmt::format("    '{}') offer='{}' files={} ;;\n", each.path, join(each.names, " "), each.files ? 1 : 0);
    for (const std::string& taken : each.takes) {
      const auto space = taken.find(' ');
      values += fmt::format("    '{} {}') offer='{}' files=0 ;;\n", each.path, taken.substr(0, space),
                            taken.substr(space + 1));
    }
  }
  return "_shaketable_words() {\n"
         "  local word next\n"
         "  at= offer= files=0 last=\n"
         "  for word; do\n"
         "    next=\"${at:+$at }$word\"\n"
         "    case \"$next\" in\n      " +
         paths + ") at=$next ;;\n    esac\n    last=$word\n  done\n  case \"$at\" in\n" + cases +
         "  esac\n  case \"$at $last\" in\n" + values + "  esac\n}\n";
}

std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

// Several lines of ours, in which an ellipsis and quotes of UTF-8 are kept (groff -K utf8).
void describe(const CLI::App& app, const std::string& path, std::string& out) {
  std::string usage = path;
  std::string options;
  for (const CLI::Option* option : app.get_options()) {
    const auto names = flags(*option);
    if (names.empty()) {
      usage += " " + option->get_name();
      options += fmt::format(".TP\n.I {}\n{}\n", roff(option->get_name()), roff(option->get_description()));
      continue;
    }
    if (names.front() == "--help") continue;
    const auto values = choices(*option);
    const std::string value = !values.empty() ? join(values, "|") : option->get_items_expected_max() > 0 ? "VALUE" : "";
    options += fmt::format(".TP\n.B {}{}\n{}\n", roff(join(names)), value.empty() ? "" : " " + roff(value),
                           roff(option->get_description()));
  }
  out += fmt::format(".SS {}\n{}\n", roff(usage), roff(app.get_description()));
  out += options;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App* a) { return !hidden(*a); }))
    describe(*each, path + " " + each->get_name(), out);
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  return "# Completion of shaketable for bash; made by `shaketable completion bash`.\n" + choosing(app) +
         "_shaketable() {\n"
         "  local at offer files last\n"
         "  _shaketable_words \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n"
         "  COMPREPLY=($(compgen -W \"$offer\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  if [ \"$files\" = 1 ] && [ ${#COMPREPLY[@]} = 0 -o \"${COMP_WORDS[COMP_CWORD]#-}\" = "
         "\"${COMP_WORDS[COMP_CWORD]}\" ]; then\n"
         "    compopt -o filenames 2>/dev/null\n"
         "    COMPREPLY+=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _shaketable shaketable\n";
}

std::string zsh_completion(const CLI::App& app) {
  return "#compdef shaketable\n# Completion of shaketable for zsh; made by `shaketable completion zsh`.\n" +
         choosing(app) +
         "_shaketable() {\n"
         "  local at offer files last\n"
         "  _shaketable_words \"${(@)words[2,CURRENT-1]}\"\n"
         "  compadd -- ${=offer}\n"
         "  [[ $files = 1 ]] && _files\n"
         "}\n"
         "_shaketable \"$@\"\n";
}

std::string man_page(const CLI::App& app) {
  std::string out = ".TH SHAKETABLE 1 \"\" \"shaketable " SHAKETABLE_VERSION
                    "\" \"User Commands\"\n.SH NAME\nshaketable \\- shake a distributed system and say, with evidence, "
                    "whether it kept "
                    "its promises\n.SH SYNOPSIS\n.B shaketable\n.I COMMAND\n[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n"
                    "A test plan (YAML) names nodes, a system, what clients do and which faults strike. shaketable "
                    "reaches the nodes over "
                    "SSH, applies every fault under a lease and with an undo record, proves that it bit and that it is "
                    "gone, records every "
                    "operation, and judges the history.\n.SH COMMANDS\n";
  for (const CLI::App* each : app.get_subcommands([](const CLI::App* a) { return !hidden(*a); }))
    describe(*each, each->get_name(), out);
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n.B 0\npass\n.TP\n.B 1\nviolation found\n.TP\n.B 2\nunknown: undecided in the budget, or too little "
      "happened\n"
      ".TP\n.B 3\nbad plan or usage\n.TP\n.B 4\ninfrastructure failed\n.TP\n.B 5\na node could not be proved clean\n"
      ".TP\n.B 130\ninterrupted\n"
      ".SH FILES\n.TP\n.I results/PLAN\\-TIME/\na run: history.db, report.html, summary.txt, summary.json, plan.yaml, "
      "logs\n"
      ".TP\n.I /usr/share/shaketable/configs/\nplans and systems to start from\n"
      ".TP\n.I /usr/share/doc/shaketable/\nthe documents\n"
      ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours\n.TP\n.B SSH_AUTH_SOCK\nthe agent that holds the key to the "
      "nodes\n"
      ".SH EXAMPLES\n.nf\nshaketable run /usr/share/shaketable/configs/quickstart.yaml\n"
      "shaketable check results/latest\nshaketable heal my\\-staging.yaml\n.fi\n";
  return out;
}

}  // namespace shaketable
