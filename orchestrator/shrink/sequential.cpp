#include "orchestrator/shrink/sequential.h"

#include <cmath>

namespace shaketable {

SequentialTest::SequentialTest(double often, double rarely, double error)
    : hit_(std::log(often / rarely)),
      miss_(std::log((1 - often) / (1 - rarely))),
      bound_(std::log((1 - error) / error)) {}

SequentialTest::Answer SequentialTest::add(bool hit) {
  ratio_ += hit ? hit_ : miss_;
  hits_ += hit;
  ++trials_;
  return answer();
}

SequentialTest::Answer SequentialTest::answer() const {
  return ratio_ >= bound_ ? Answer::often : ratio_ <= -bound_ ? Answer::rarely : Answer::open;
}

}  // namespace shaketable
