#pragma once
// Who cannot hear whom. Pure functions of the number of nodes and a random stream; nodes are numbered from 0.
// Shapes and their names are Jepsen's (jepsen.nemesis: bisect, split-one, bridge, majorities-ring).

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace shaketable {

enum class Shape { halves, isolate, majorities_ring, bridge, one_way, majority_minority, primaries, custom };

const std::vector<std::string>& shape_names();  // as a plan writes them
Shape shape_named(std::string_view name);       // aborts on anything else: the plan reader has checked it
std::string_view to_string(Shape shape);
std::size_t nodes_needed(Shape shape);  // with fewer nodes the shape cuts nothing, or cannot be what it says

// Which way a cut between two groups is deaf. `in`: the first group does not hear the second; `out`: it is not heard.
enum class Direction { both, in, out };

struct Grudge {
  // deaf_to[i]: the nodes whose packets node i does not get, sorted. Directed: i may be deaf to j and j still hear i.
  std::vector<std::vector<std::size_t>> deaf_to;
  // The nodes the cut is about: the smaller half, the isolated, the deaf. Sorted.
  std::vector<std::size_t> hit;

  bool hears(std::size_t listener, std::size_t speaker) const;
  bool cuts_nothing() const;
};

// Every function needs n >= nodes_needed(its shape).

// Two random halves; the first is the smaller one when n is odd.
Grudge halves(std::size_t n, Random& random, Direction direction = Direction::both);
// Each victim is cut off from every other node, other victims included. Victims are distinct and below n.
Grudge isolate(std::size_t n, const std::vector<std::size_t>& victims, Direction direction = Direction::both);
// Every node hears a majority (itself included) and no two hear the same one; hearing is mutual. Nodes stand in a
// random ring and each hears its nearest. For 4, 5, 6, 8, 9 and 10 nodes each hears exactly a bare majority; 7 and 11
// need one more each (no graph with an odd number of nodes of odd degree exists), and of 3 the middle one hears both.
Grudge majorities_ring(std::size_t n, Random& random);
// Two random halves that hear only themselves, and one node between them that hears and is heard by all.
Grudge bridge(std::size_t n, Random& random);
// The nodes of the first group and all others hear only themselves; the group must be neither empty nor everybody.
Grudge apart(std::size_t n, const std::vector<std::size_t>& group, Direction direction = Direction::both);
// A random minority of random size and the majority hear only themselves. Needs 3 nodes.
Grudge majority_minority(std::size_t n, Random& random, Direction direction = Direction::both);
// Groups that hear only themselves; who is in none hears all and is heard by all, who is in several hears each of them.
// hit: the groups but the largest one.
Grudge groups(std::size_t n, const std::vector<std::vector<std::size_t>>& members);
// Two random groups; the first is deaf to the second, which hears it still. Which of the two is smaller is random too.
Grudge one_way(std::size_t n, Random& random);

// "n1 n2 deaf to n3 n4 n5; n3 n4 n5 deaf to n1 n2": for people and for the record.
std::string describe(const Grudge& grudge, const std::vector<std::string>& names);

}  // namespace shaketable
