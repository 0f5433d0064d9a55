// The report in a real browser: four runs are opened, looked at and clicked. With SHAKETABLE_SCREENSHOTS=FOLDER the
// pictures are kept there.

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

#include "history/readers.h"
#include "orchestrator/report/page/assets.h"
#include "orchestrator/run_folder.h"
#include "tests/orchestrator/report/browser/browser.h"
#include "tests/orchestrator/report/page/sample.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;

Browser& browser() {
  static Browser one;
  return one;
}

// A case that needs the browser ends here, with the reason, where there is none.
#define NEEDS_BROWSER()                                                                                 \
  if (Browser::program().empty()) {                                                                     \
    WARN("skipped: chromium is not installed (scripts/packages test installs it where it can be had)"); \
    return;                                                                                             \
  }                                                                                                     \
  (void)0

// A kept history as the run that it was: recorded anew, event by event, at its own times.
class KeptRun {
 public:
  KeptRun(const std::string& history, const CheckPlan& check, const std::string& unclean = "{}")
      : KeptRun(history, must(read_file(std::string(SHAKETABLE_SOURCE_DIR "/tests/histories/") + history)), check,
                unclean) {}
  KeptRun(const std::string& history, const std::string& lines, const CheckPlan& check, const std::string& unclean) {
    History all;
    HistoryBuilder builder(all);
    must(read_history_text(lines, history, HistoryFormat::jsonl, {}, builder));
    RunInfo info = some_run();
    info.name = history.substr(0, history.find('.'));
    info.system = history.substr(0, history.find('-'));
    const auto recorder = must(Recorder::create(folder_.path(), info, clock_));
    std::map<std::int64_t, OpHandle> open;
    for (const Operation& operation : all.operations) {
      if (operation.process < 0) continue;
      clock_.advance(Nanos(std::max<std::int64_t>(operation.time_ns - clock_.now().count(), 0)));
      if (operation.type == OpType::invoke)
        open.insert_or_assign(operation.process,
                              must(recorder->invoke(operation.process, 0, "n1", operation.f, operation.value)));
      else if (const auto at = open.find(operation.process); at != open.end())
        must(recorder->complete(at->second, operation.type, operation.value, operation.error));
    }
    const std::int64_t middle = all.operations[all.operations.size() / 2].time_ns / kMs;
    must(recorder->record(partition(1, middle, middle + 800)));
    for (int i = 0; i < 20; ++i)
      must(recorder->record(ClockOffsetRecord{(middle - 1000 + 100 * i) * kMs, "n1", (i - 7) * kMs, 2 * kMs}));
    must(recorder->set_meta(kMetaChecks, to_json(checks_json({check}))));
    must(recorder->set_meta(kMetaUncleanNodes, unclean));
    must(recorder->set_meta(kMetaRepeat, "shaketable run configs/" + info.name + ".yaml --seed 7"));
    must(recorder->finish("done"));
    const Outcome outcome = must(judge_run(folder_.path(), {}, {}));
    page_ = must(write_report(folder_.path(), outcome));
  }
  const std::string& page() const { return page_; }
  const std::string& path() const { return folder_.path(); }

 private:
  RunFolder folder_;
  ManualClock clock_;
  std::string page_;
};

CheckPlan check_of(const char* name, std::vector<std::pair<const char*, ParameterValue>> options = {}) {
  CheckPlan check{name, Parameters(find_checker(name)->parameters)};
  for (auto& [option, value] : options) check.options.set(option, value);
  return check;
}

CheckPlan registers() {
  return check_of("linearizable", {{"model", std::string("cas-register")}, {"keyed", true}});
}

void keep(const std::string& name) {
  if (const char* folder = std::getenv("SHAKETABLE_SCREENSHOTS"))  // NOLINT(concurrency-mt-unsafe)
    browser().screenshot(std::string(folder) + "/report-" + name + ".png");
}

// What holds of every page.
void look_over() {
  Browser& b = browser();
  for (const std::string& complaint : b.complaints()) FAIL_CHECK(complaint);
  for (const std::string& request : b.requests())
    if (!request.starts_with("file://") && !request.starts_with("data:")) FAIL_CHECK("the page asked for " << request);
  CHECK(b.number("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent).length") == 0);
  CHECK(b.number("[...document.querySelectorAll('th')].filter(t => !t.scope && !t.closest('.u-legend')).length") == 0);
  CHECK(b.number("[...document.querySelectorAll('button')].filter(t => !t.textContent).length") == 0);
  CHECK(b.number("[...document.querySelectorAll('[role=img], [role=region], [role=group]')]"
                 ".filter(t => !t.getAttribute('aria-label')).length") == 0);
  // No heading skips a level.
  CHECK(b.text("(levels => levels.filter((l, i) => i && l > levels[i - 1] + 1).join())"
               "([...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1]))") == "");
  CHECK(b.number("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
                 " - document.querySelectorAll('[id]:not(marker)').length") >= 0);
  CHECK(b.number("document.documentElement.scrollWidth - innerWidth") <= 0);
}

TEST_CASE("a valid run") {
  NEEDS_BROWSER();
  const KeptRun run("postgres-sync-promotion.jsonl", check_of("set"));
  Browser& b = browser();
  b.open(run.page());
  CHECK(b.text("document.querySelector('h1').textContent") ==
        "Valid postgres kept its promises through 1 fault, and it was shown to bite.");
  look_over();
  keep("valid");
}

TEST_CASE("a run that is not linearizable opens at its violation") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  Browser& b = browser();
  b.open(run.page());
  CHECK(b.text("document.querySelector('h1').textContent").starts_with("Invalid zookeeper is not linearizable: "));
  look_over();
  keep("not-linearizable");

  // The counterexample: bars, one of them failed, and an order up to where it stops.
  CHECK(b.number("document.querySelectorAll('.bars .bar.failed').length") == 1);
  CHECK(b.number("document.querySelectorAll('.bars .bar').length") > 1);
  CHECK(b.number("document.querySelectorAll('.bars .order:not([hidden]) .stop').length") == 1);
  CHECK(b.text("document.querySelector('[data-order-text] summary').textContent").find("is impossible") !=
        std::string::npos);

  // The timeline shows the operation that the verdict names, and says what it is.
  b.eval("document.querySelector('#timeline-view summary').click()");
  b.wait_for("document.querySelector('#timeline-view table')");
  CHECK(b.text("document.querySelector('#timeline-view table').textContent").find("named by the verdict") !=
        std::string::npos);
  const std::string span = "document.querySelector('#timeline-span').textContent";
  const std::string opening = b.text(span);
  b.click("#timeline-view .tools button");  // zoom in
  CHECK(b.text(span) != opening);
  b.eval("[...document.querySelectorAll('#timeline-view button')].find(e => e.textContent === 'Violation').click()");
  CHECK(b.text(span) == opening);

  // With the keyboard alone.
  b.eval("document.querySelector('#timeline-view canvas').focus()");
  const std::string said = "document.querySelector('#timeline-said').textContent";
  b.press("ArrowRight");
  CHECK(b.text(said).find("Named by the verdict") != std::string::npos);
  const std::string first = b.text(said);
  b.press("ArrowLeft");
  CHECK(b.text(said) != first);
  b.press("ArrowUp");
  b.press("+");
  CHECK(b.text(span) != opening);
  b.press("Home");
  CHECK(b.text(span) == opening);
  b.press("0");
  CHECK(b.text(span) != opening);
  b.press("Home");

  // And with the mouse: somewhere in the first row there is an operation.
  b.eval("document.querySelector('#timeline-view canvas').scrollIntoView({block: 'center', behavior: 'instant'})");
  const auto left = static_cast<double>(b.number("document.querySelector('canvas').getBoundingClientRect().left"));
  const auto top = static_cast<double>(b.number("document.querySelector('canvas').getBoundingClientRect().top"));
  const std::string before = b.text(said);
  for (double x = left + 90; x < left + 900 && b.text(said) == before; x += 6) b.click_at(x, top + 33);
  CHECK(b.text(said) != before);
  keep("timeline");
  for (const std::string& complaint : b.complaints()) FAIL_CHECK(complaint);
}

// Two writes at once, and then a read of what nobody wrote: there are two ways to come so far.
constexpr const char* kTwoOrders = R"({"type":"invoke","process":0,"f":"write","value":1,"time":1000000}
{"type":"invoke","process":1,"f":"write","value":2,"time":2000000}
{"type":"ok","process":0,"f":"write","value":1,"time":3000000}
{"type":"ok","process":1,"f":"write","value":2,"time":4000000}
{"type":"invoke","process":2,"f":"read","value":null,"time":5000000}
{"type":"ok","process":2,"f":"read","value":3,"time":6000000}
)";

TEST_CASE("the orders of a counterexample can be chosen") {
  NEEDS_BROWSER();
  const KeptRun run("etcd-two-orders.jsonl", kTwoOrders, check_of("linearizable"), "{}");
  Browser& b = browser();
  b.open(run.page());
  look_over();
  REQUIRE(b.number("document.querySelectorAll('[data-order-text]').length") == 2);
  const std::string drawn =
      "[...new Set([...document.querySelectorAll('.order:not([hidden])')].map(o => o.dataset.order))].join()";
  CHECK(b.text(drawn) == "0");
  b.click("[data-counterexample] .orders label:nth-of-type(2) input");
  CHECK(b.text(drawn) == "1");
  CHECK(b.truth("document.querySelector('[data-order-text=\"1\"]').open"));
  CHECK_FALSE(b.truth("document.querySelector('[data-order-text=\"0\"]').open"));
}

TEST_CASE("a counterexample is drawn whole") {
  NEEDS_BROWSER();
  const KeptRun run("galera-stale-read.jsonl", registers());
  Browser& b = browser();
  b.open(run.page());
  look_over();
  CHECK(b.number("document.querySelectorAll('.bars .order:not([hidden]) circle').length") > 3);
  b.eval("document.querySelector('#why').scrollIntoView({behavior: 'instant'})");
  keep("counterexample");
}

TEST_CASE("a run that is not serializable shows the cycle and a sentence for each edge") {
  NEEDS_BROWSER();
  const KeptRun run("postgres-write-skew.jsonl", check_of("list-append"));
  Browser& b = browser();
  b.open(run.page());
  look_over();
  CHECK(b.text("document.querySelector('h1').textContent").starts_with("Invalid postgres is not "));
  CHECK(b.number("document.querySelectorAll('.cycle svg path[marker-end]').length") >= 2);
  const std::string rows = "document.querySelector('.cycle table tbody').rows";
  CHECK(b.number(rows + ".length") >= 2);
  CHECK(b.truth("[..." + rows + "].every(r => /T\\d/.test(r.cells[1].textContent) && r.cells[2].textContent)"));
  b.eval("document.querySelector('#why').scrollIntoView({behavior: 'instant'})");
  keep("cycle");
}

TEST_CASE("a run with an unclean node warns before all else") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers(), R"({"n2":"its agent did not answer within 30 s"})");
  Browser& b = browser();
  b.open(run.page());
  look_over();
  CHECK(b.text("document.querySelector('.warning.grave').textContent").find("n2: its agent did not answer") !=
        std::string::npos);
  CHECK(b.truth("document.querySelector('.warning.grave').getBoundingClientRect().bottom < innerHeight"));
  keep("unclean");
}

TEST_CASE("plots zoom together and hide lines by mouse and keyboard") {
  NEEDS_BROWSER();
  if (page::kPlotScript.text.empty()) {
    WARN("skipped: uPlot was not built in (no npm, or no network when this was built)");
    return;
  }
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  Browser& b = browser();
  b.open(run.page());
  b.eval("document.querySelector('#rate').scrollIntoView({behavior: 'instant'})");
  b.wait_for("document.querySelector('#rate .uplot') && document.querySelector('#availability .uplot')");
  keep("plots");
  b.click("#plot-tools button");  // zoom in
  const std::string span = "document.querySelector('#plot-span').textContent";
  const std::string zoomed = b.text(span);
  CHECK_FALSE(zoomed.empty());
  b.eval("[...document.querySelectorAll('#plot-tools button')].find(e => e.textContent === 'All').click()");
  CHECK(b.text(span) != zoomed);
  b.eval("document.querySelector('#rate').scrollIntoView({behavior: 'instant'})");
  b.eval("document.querySelector('#rate .u-legend .u-series:nth-child(3) th').focus()");
  b.press("Enter");
  CHECK(b.text("document.querySelector('#rate .u-legend .u-series:nth-child(3) th').getAttribute('aria-pressed')") ==
        "false");
  CHECK(b.truth("document.querySelector('#rate .u-legend .u-series:nth-child(3)').classList.contains('u-off')"));
  b.eval("document.querySelector('#clocks').scrollIntoView({behavior: 'instant'})");
  b.wait_for("document.querySelector('#clocks .uplot')");
  for (const std::string& complaint : b.complaints()) FAIL_CHECK(complaint);
}

// Writes a changed copy of the page beside it.
std::string altered(const KeptRun& run, const std::function<void(std::string&)>& change) {
  std::string text = must(read_file(run.page()));
  change(text);
  std::string path = run.path() + "/altered.html";
  must(write_file(path, text));
  return path;
}

TEST_CASE("without uPlot the plots are pictures and all else works") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  const std::string path = altered(run, [](std::string& text) {
    const std::size_t at = text.find(page::kPlotScript.text);
    if (!page::kPlotScript.text.empty() && at != std::string::npos) text.erase(at, page::kPlotScript.text.size());
  });
  Browser& b = browser();
  b.open(path);
  look_over();
  CHECK(b.number("document.querySelectorAll('svg.plot').length") >= 5);
  CHECK(b.number("document.querySelectorAll('.uplot').length") == 0);
  CHECK(b.truth("document.querySelector('#timeline-view canvas')"));
}

TEST_CASE("script of others does not run even where it got into the page") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  const std::string path = altered(run, [](std::string& text) {
    text.insert(text.find("<main>"),
                "<script>window.takenOver = 1</script><img src=\"x\" onerror=\"window.takenOver = 2\">"
                "<a id=\"evil\" href=\"javascript:window.takenOver = 3\">x</a>");
  });
  Browser& b = browser();
  b.open(path);
  b.eval("document.querySelector('#evil').click()");
  CHECK_FALSE(b.truth("'takenOver' in window"));
  CHECK_FALSE(b.complaints().empty());  // the policy says what it stopped
}

TEST_CASE("light and dark are both readable and follow the reader's choice") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  Browser& b = browser();
  // The contrast of WCAG 2: 4.5 for text.
  const std::string contrast = R"js((() => {
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = c => { const [r, g, b] = [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16));
      return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
    const s = getComputedStyle(document.documentElement), of = n => light(s.getPropertyValue('--' + n).trim());
    const low = [];
    for (const ground of ['ground', 'raised'])
      for (const ink of ['ink', 'soft', 'good', 'bad', 'doubt', 'ok', 'fail']) {
        const [a, b] = [of(ink), of(ground)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) low.push(ink + ' on ' + ground);
      }
    return low.join();
  })())js";
  for (const bool dark : {false, true}) {
    INFO((dark ? "dark" : "light"));
    b.open(run.page(), 1100, 800, dark);
    CHECK(b.text(contrast) == "");
    CHECK(b.truth("parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 60") == dark);
    if (dark) keep("dark");
  }
  look_over();
}

TEST_CASE("the first tab leads past the verdict and can be seen") {
  NEEDS_BROWSER();
  const KeptRun run("zookeeper-stale-read.jsonl", registers());
  Browser& b = browser();
  b.open(run.page());
  b.press("Tab");
  CHECK(b.text("document.activeElement.className") == "skip");
  CHECK(b.truth("document.activeElement.getBoundingClientRect().left >= 0"));
  CHECK(b.text("getComputedStyle(document.activeElement).outlineStyle") == "solid");
  b.press("Enter");
  b.wait_for("location.hash === '#broken'");
}

TEST_CASE("a narrow window scrolls no page sideways") {
  NEEDS_BROWSER();
  const KeptRun run("postgres-write-skew.jsonl", check_of("list-append"));
  browser().open(run.page(), 390, 800);
  look_over();
}

}  // namespace
}  // namespace shaketable
