#pragma once
// A strict YAML document as a tree with places. Stricter than YAML: duplicate keys, merge keys (<<), tags, keys that
// are not text, and second documents are refused. Aliases are allowed, but the tree with every alias written out may
// not exceed kNodeLimit nodes, so that a small file cannot unfold into a large one. Scalars stay text; fields.h reads
// them.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "orchestrator/plan/problems.h"

namespace shaketable {

struct Yaml;
using YamlPtr = std::shared_ptr<const Yaml>;  // shared by the aliases of a node; never null in a tree

struct YamlEntry {
  std::string key;
  Place place;  // of the key
  YamlPtr value;
};

enum class YamlKind { null, scalar, list, map };

struct Yaml {
  YamlKind kind = YamlKind::null;
  Place place;                     // of the value; a null's is its key's
  std::string text;                // scalar
  bool quoted = false;             // scalar: in quotes, a block (|, >) or tagged !!str
  std::vector<YamlPtr> items;      // list
  std::vector<YamlEntry> entries;  // map, in the file's order, keys unique
  std::size_t size = 1;            // nodes of this tree with aliases written out

  const YamlEntry* find(std::string_view key) const;
};

constexpr std::size_t kNodeLimit = 100'000;
constexpr std::size_t kFileLimit = 1 << 20;  // bytes of a plan or system file

// The text of a file that should be YAML. Errors: absent, a directory, unreadable, too large; one line, path first.
Result<std::string> read_text_file(const std::string& path);

// Parses one document. Everything wrong with it goes to `problems`; then the answer is null, unless the tree is whole
// but for refused parts (a duplicate key, a merge key), which are left out so that reading can go on and find more.
YamlPtr parse_yaml(std::string_view text, const Source& source, Problems& problems);

// The tree as block YAML, aliases written out, every line ended. Reading it again gives the same tree but for places.
std::string dump_yaml(const Yaml& tree);

}  // namespace shaketable
