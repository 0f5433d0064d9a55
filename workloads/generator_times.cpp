// Generators that say when: time-limit, stagger, delay, sleep, arrivals.

#include <cmath>
#include <deque>
#include <optional>

#include "workloads/wrapper.h"

namespace shaketable {
namespace {

class TimeLimit final : public Wrapper {
 public:
  TimeLimit(Nanos duration, GeneratorPtr inner) : Wrapper(std::move(inner)), duration_(duration) {}
  Turn next(Context& context) override {
    if (!end_) end_ = context.now + duration_;
    if (context.now >= *end_) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation && turn.at >= *end_) return Turn::exhausted();
    if (turn.kind == Turn::Kind::wait) turn.at = std::min(turn.at, *end_);
    return turn;
  }

 private:
  const Nanos duration_;
  std::optional<Nanos> end_;
};

class Stagger final : public Wrapper {
 public:
  Stagger(double per_second, GeneratorPtr inner) : Wrapper(std::move(inner)), mean_ns_(1e9 / per_second) {}
  Turn next(Context& context) override {
    constexpr Nanos kSlack = std::chrono::milliseconds(100);
    Turn turn = inner_->next(context);
    if (turn.kind != Turn::Kind::operation) return turn;
    at_ = at_ ? std::max(*at_, context.now - kSlack) : context.now;
    turn.at = std::max(turn.at, *at_);
    *at_ += Nanos(static_cast<std::int64_t>(2 * mean_ns_ * context.random.uniform()));
    return turn;
  }

 private:
  const double mean_ns_;
  std::optional<Nanos> at_;
};

class Delay final : public Wrapper {
 public:
  Delay(DrawTime draw, GeneratorPtr inner) : Wrapper(std::move(inner)), draw_(std::move(draw)) {}
  Turn next(Context& context) override {
    if (!every_) every_ = std::max(Nanos(0), draw_(context));
    Turn turn = inner_->next(context);
    if (turn.kind != Turn::Kind::operation) return turn;
    if (!at_) at_ = context.now;
    turn.at = std::max(turn.at, *at_);
    *at_ += *every_;
    return turn;
  }

 private:
  const DrawTime draw_;
  std::optional<Nanos> every_, at_;
};

class Sleep final : public Generator {
 public:
  explicit Sleep(DrawTime draw) : draw_(std::move(draw)) {}
  Turn next(Context& context) override {
    if (!end_) end_ = context.now + draw_(context);
    return context.now >= *end_ ? Turn::exhausted() : Turn::wait(*end_);
  }

 private:
  const DrawTime draw_;
  std::optional<Nanos> end_;
};

class Arrivals final : public Wrapper {
 public:
  Arrivals(ArrivalOptions options, GeneratorPtr inner, std::shared_ptr<ArrivalCounters> counters)
      : Wrapper(std::move(inner)), options_(std::move(options)), counters_(std::move(counters)) {}

  Turn next(Context& context) override {
    if (!random_) {
      random_ = context.random.fork("arrivals");  // of its own: when must not depend on what
      phase_begin_ = next_ = context.now;
    }
    while (waiting_.empty() || waiting_.back() <= context.now) draw();
    // The last one is not due yet.
    const std::size_t due = waiting_.size() - 1;
    counters_->most_waiting = std::max<std::uint64_t>(counters_->most_waiting, due);
    Turn turn = inner_->next(context);
    if (turn.kind != Turn::Kind::operation) return turn;
    turn.due = waiting_.front();
    turn.at = std::max(turn.at, turn.due);
    waiting_.pop_front();
    ++counters_->handed_out;
    return turn;
  }

 private:
  void draw() {
    waiting_.push_back(next_);
    if (waiting_.size() > options_.backlog + 1) {
      waiting_.pop_front();
      ++counters_->dropped;
    }
    while (phase_ + 1 < options_.rates.size() && next_ >= phase_begin_ + options_.rates[phase_].lasts)
      phase_begin_ += options_.rates[phase_++].lasts;
    const double mean_ns = 1e9 / options_.rates[phase_].per_second;
    const double gap = options_.poisson ? random_->exponential(mean_ns) : mean_ns + left_over_;
    const std::int64_t whole = std::llround(gap);
    left_over_ = gap - static_cast<double>(whole);  // 3 a second must not come to 3.000000003
    next_ += Nanos(whole);
  }

  const ArrivalOptions options_;
  const std::shared_ptr<ArrivalCounters> counters_;
  std::optional<Random> random_;
  std::deque<Nanos> waiting_;  // due times not handed out, in order; the last may lie ahead
  Nanos next_{0}, phase_begin_{0};
  std::size_t phase_ = 0;
  double left_over_ = 0;
};

}  // namespace

GeneratorPtr time_limit(Nanos duration, GeneratorPtr inner) {
  return std::make_unique<TimeLimit>(duration, std::move(inner));
}

GeneratorPtr stagger(double per_second, GeneratorPtr inner) {
  return std::make_unique<Stagger>(per_second, std::move(inner));
}

DrawTime drawn_from(DurationRange range) {
  return [range](Context& context) {
    return range.low == range.high ? range.low : Nanos(context.random.between(range.low.count(), range.high.count()));
  };
}

GeneratorPtr delay(Nanos every, GeneratorPtr inner) {
  return delay(drawn_from({every, every}), std::move(inner));
}

GeneratorPtr delay(DrawTime every, GeneratorPtr inner) {
  return std::make_unique<Delay>(std::move(every), std::move(inner));
}

GeneratorPtr sleep_for(DurationRange range) {
  return sleep_for(drawn_from(range));
}

GeneratorPtr sleep_for(DrawTime length) {
  return std::make_unique<Sleep>(std::move(length));
}

GeneratorPtr arrivals(ArrivalOptions options, GeneratorPtr inner, std::shared_ptr<ArrivalCounters> counters) {
  return std::make_unique<Arrivals>(std::move(options), std::move(inner), std::move(counters));
}

}  // namespace shaketable
