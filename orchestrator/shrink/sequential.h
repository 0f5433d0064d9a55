#pragma once
// How often a run must be repeated before its odds are known well enough.

namespace shaketable {

// Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945) 117-186: the
// sequential probability ratio test between two odds of a hit. It ends with probability 1, and on average after fewer
// trials than any test of a fixed number with the same errors.
class SequentialTest {
 public:
  enum class Answer { open, often, rarely };

  // `often` > `rarely`, both within (0, 1). `error`: the probability to say often when the odds are `rarely`, and the
  // other way round; below 0.5.
  SequentialTest(double often, double rarely, double error);
  Answer add(bool hit);
  Answer answer() const;
  int hits() const { return hits_; }
  int trials() const { return trials_; }

 private:
  double hit_, miss_;  // what each adds to the logarithm of the likelihood ratio
  double bound_;
  double ratio_ = 0;
  int hits_ = 0, trials_ = 0;
};

}  // namespace shaketable
