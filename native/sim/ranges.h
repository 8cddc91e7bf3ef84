#ifndef DLB_SIM_RANGES_H
#define DLB_SIM_RANGES_H

#include <cstdint>
#include <map>

namespace dlb_sim {

// A run of entries of a resource that the device hands out only contiguously.
struct Range {
  uint32_t first = 0;
  uint32_t count = 0;
};

class Ranges {
 public:
  explicit Ranges(uint32_t total = 0) {
    if (total > 0) free_[0] = total;
  }

  // Takes the first run that fits. A run of 0 entries always fits.
  bool Take(uint32_t count, Range* out);
  void GiveBack(Range range);
  uint32_t total() const;
  uint32_t longest() const;

 private:
  // The free runs: first entry -> number of entries.
  std::map<uint32_t, uint32_t> free_;
};

}  // namespace dlb_sim

#endif
