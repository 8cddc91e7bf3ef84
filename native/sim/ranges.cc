#include "ranges.h"

#include <algorithm>
#include <iterator>

namespace dlb_sim {

bool Ranges::Take(uint32_t count, Range* out) {
  *out = {0, count};
  if (count == 0) return true;
  const auto found = std::find_if(free_.begin(), free_.end(), [&](const auto& run) { return run.second >= count; });
  if (found == free_.end()) return false;
  const auto [first, length] = *found;
  free_.erase(found);
  if (length > count) free_[first + count] = length - count;
  out->first = first;
  return true;
}

void Ranges::GiveBack(Range range) {
  if (range.count == 0) return;
  auto at = free_.emplace(range.first, range.count).first;
  if (const auto next = std::next(at); next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at == free_.begin()) return;
  if (const auto before = std::prev(at); before->first + before->second == at->first) {
    before->second += at->second;
    free_.erase(at);
  }
}

uint32_t Ranges::total() const {
  uint32_t sum = 0;
  for (const auto& run : free_) sum += run.second;
  return sum;
}

uint32_t Ranges::longest() const {
  uint32_t most = 0;
  for (const auto& run : free_) most = std::max(most, run.second);
  return most;
}

}  // namespace dlb_sim
