#include "checkers/linearizability/register_space.h"
#include "checkers/linearizability/search_parts.h"
#include "checkers/linearizability/searcher.h"

namespace shaketable::linearizability {

std::unique_ptr<Search> make_register_search(const Problem& problem, Ledger& ledger) {
  auto last_seen = std::make_shared<const LastSeen>(problem);
  Layout layout = make_layout(problem, last_seen->ignored());
  std::unique_ptr<Search> search;
  const bool fits = with_width(layout.width, [&]<int W>() {
    auto factory = [&problem, last_seen] { return RegisterSpace<W>(problem, *last_seen); };
    search =
        std::make_unique<Searcher<RegisterSpace<W>, W, decltype(factory)>>(problem, std::move(layout), factory, ledger);
  });
  return fits ? std::move(search) : std::make_unique<TooWide>();
}

Trace trace_register_failure(const Problem& problem, std::size_t failed) {
  const LastSeen last_seen(problem);
  const Layout layout = make_layout(problem, last_seen.ignored());
  Trace trace;
  with_width(layout.width, [&]<int W>() {
    RegisterSpace<W> space(problem, last_seen);
    trace = Tracer<RegisterSpace<W>, W>(problem, layout, space, failed, 2'000'000).trace([](const Config<W>& c) {
      return State{c.state};
    });
  });
  return trace;
}

}  // namespace shaketable::linearizability
