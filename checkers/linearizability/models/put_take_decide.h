#pragma once
// Queues whose values are put at most once, in O(n log n).

#include <optional>
#include <span>

#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// Problem with calls of PutTake. Nothing when a value is put twice, when a take said nothing, or when crashed takes,
// which may have taken anything, could make up for what is missing.
//
// A bag: nobody takes what was not put, or twice; and each take that found nothing has a moment outside all spans that
// are certain. The span from the completion of a put to the invocation of the take of its value is certain (without a
// take it does not end). No more than that is: if the take was invoked before the put completed, both can take effect
// at one moment in which both are open.
//
// A FIFO queue: besides, no two values are certainly put in one order and taken in the other (a value that is never
// taken is taken last). Henzinger, Sezgin & Vafeiadis, “Aspect-oriented linearizability proofs”, 2013, theorem 1
// (VFresh, VRepeat, VOrd, VWit), for histories of completed operations; crashed puts count when their value is taken,
// as completed at the end, and otherwise not at all.
// `initial`: what is there at first, in the order in which it was put.
std::optional<bool> queue_linearizable(const Problem& problem, std::span<const Id> initial, std::size_t end, bool fifo);

}  // namespace shaketable::linearizability
