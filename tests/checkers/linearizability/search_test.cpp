// Each search on its own: whichever answers first in the checker, the others must have answered the same.

#include <catch2/catch.hpp>

#include "checkers/linearizability/depth_first.h"
#include "checkers/linearizability/frontier.h"
#include "checkers/linearizability/register_space.h"
#include "checkers/linearizability/table_space.h"
#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/objects.h"
#include "tests/checkers/linearizability/recorded.h"

namespace shaketable {

namespace lin = linearizability;

namespace {

struct Answer {
  lin::Outcome outcome;
  std::size_t failed = 0;
  bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  return out << static_cast<int>(answer.outcome) << " at event " << answer.failed;
}

constexpr std::size_t kToTheEnd = SIZE_MAX;

template <class Space, int W>
Answer breadth_first(const lin::Problem& problem, const lin::Layout& layout, Space space) {
  const Budget budget;
  lin::Ledger ledger(budget);
  lin::Frontier<Space, W> frontier(problem, layout, space, ledger);
  lin::Outcome outcome;
  do outcome = frontier.run(3, kToTheEnd);  // a small quota, so that it is interrupted everywhere
  while (outcome == lin::Outcome::running);
  return {outcome, outcome == lin::Outcome::invalid ? frontier.window().next() : 0};
}

template <class Space, int W>
Answer depth_first(const lin::Problem& problem, const lin::Layout& layout, Space space) {
  const Budget budget;
  lin::Ledger ledger(budget);
  lin::DepthFirst<Space, W> search(problem, layout, space, ledger);
  lin::Outcome outcome;
  do outcome = search.run(3, kToTheEnd);
  while (outcome == lin::Outcome::running);
  return {outcome, outcome == lin::Outcome::invalid ? search.furthest() : 0};
}

void agree(const brute::Object& object, int histories = 1500) {
  const Random seeds(11);
  for (int i = 0; i < histories; ++i) {
    Random random = seeds.fork(object.options.model + std::to_string(i));
    const History history = brute::random_history(object, random);
    Recorded recorded(history, object.options);
    const lin::Problem& problem = *recorded.problem;
    const lin::Model& model = *recorded.model;
    const lin::Interner& values = recorded.recorder->values();

    const lin::Layout all = lin::make_layout(problem, {});
    using Table = lin::TableSpace<1>;
    const Answer expected = breadth_first<Table, 1>(problem, all, Table(problem, model, values));
    CAPTURE(i, brute::to_text(history));
    REQUIRE((expected.outcome == lin::Outcome::invalid) == brute::first_failure(history, object).has_value());
    REQUIRE(expected == depth_first<Table, 1>(problem, all, Table(problem, model, values)));
    if (!model.is_register()) continue;
    const lin::LastSeen last_seen(problem);
    const lin::Layout layout = lin::make_layout(problem, last_seen.ignored());
    using Narrow = lin::RegisterSpace<1>;
    REQUIRE(expected == breadth_first<Narrow, 1>(problem, layout, Narrow(problem, last_seen)));
    REQUIRE(expected == depth_first<Narrow, 1>(problem, layout, Narrow(problem, last_seen)));
    // The same with slots beyond the first word.
    lin::Layout shifted = layout;
    for (std::int32_t& slot : shifted.slot)
      if (slot >= 0) slot += 61;
    using Wide = lin::RegisterSpace<2>;
    REQUIRE(expected == breadth_first<Wide, 2>(problem, shifted, Wide(problem, last_seen)));
    REQUIRE(expected == depth_first<Wide, 2>(problem, shifted, Wide(problem, last_seen)));
  }
}

}  // namespace

TEST_CASE("every search finds the same first failure in register histories") {
  agree(objects::register_object());
}
TEST_CASE("every search finds the same first failure in cas-register histories") {
  agree(objects::cas_register());
}
TEST_CASE("every search finds the same first failure in histories of other objects") {
  for (const brute::Object& object :
       {objects::set_object(), objects::gset(), objects::queue("fifo-queue", false),
        objects::queue("unordered-queue", false), objects::queue("stack", true),
        objects::queue("priority-queue", false), objects::mutex(), objects::fenced_mutex(), objects::semaphore(),
        objects::counter(), objects::log()})
    agree(object);
}

}  // namespace shaketable
