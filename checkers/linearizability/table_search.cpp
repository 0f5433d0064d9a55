#include "checkers/linearizability/search_parts.h"
#include "checkers/linearizability/searcher.h"
#include "checkers/linearizability/table_space.h"

namespace shaketable::linearizability {

std::unique_ptr<Search> make_table_search(const Problem& problem, const Model& model, const Interner& values,
                                          std::size_t horizon, Ledger& ledger) {
  auto layout = std::make_shared<const Layout>(make_layout(problem, {}));
  auto foresight =
      std::make_shared<const Foresight>(horizon > 0 ? model.foresee(problem, horizon, values) : Foresight());
  std::unique_ptr<Search> search;
  const bool fits = with_width(layout->width, [&]<int W>() {
    auto factory = [&problem, &model, &values, foresight, layout] {
      return TableSpace<W>(problem, model, values, foresight.get(), layout.get());
    };
    search = std::make_unique<Searcher<TableSpace<W>, W, decltype(factory)>>(problem, *layout, factory, ledger);
  });
  return fits ? std::move(search) : std::make_unique<TooWide>();
}

Trace trace_table_failure(const Problem& problem, const Model& model, const Interner& values, std::size_t failed) {
  const Layout layout = make_layout(problem, {});
  Trace trace;
  with_width(layout.width, [&]<int W>() {
    TableSpace<W> space(problem, model, values);
    trace = Tracer<TableSpace<W>, W>(problem, layout, space, failed, 300'000).trace([&](const Config<W>& c) {
      return space.state(c);
    });
  });
  return trace;
}

}  // namespace shaketable::linearizability
