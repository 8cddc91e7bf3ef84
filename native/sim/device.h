#ifndef DLB_SIM_DEVICE_H
#define DLB_SIM_DEVICE_H

#include <array>
#include <cstdint>
#include <vector>

#include "libdlb.h"
#include "owned_fd.h"
#include "ranges.h"
#include "settings.h"

namespace dlb_sim {

// What a domain has taken from its device.
struct Allotment {
  uint32_t generation = 0;
  std::vector<int> ldb_queues;
  std::array<std::vector<int>, 4> ldb_ports;
  std::vector<int> dir_pairs;
  Range entries;
  // [0] load-balanced or combined, [1] directed.
  std::array<Range, 2> credits;
  std::array<uint32_t, 2> pools{};
  std::array<uint32_t, 2> sn_slots{};
};

// A group of sequence numbers, `per_queue` for each of its slots.
struct SequenceGroup {
  static constexpr uint32_t kNumbers = 1024;
  uint32_t per_queue = 64;
  uint32_t reserved = 0;
  uint32_t used = 0;
  uint32_t slots() const { return kNumbers / per_queue; }
};

// The hardware's free resources, and the free ids on stacks, as the driver keeps them. Used under
// the world's lock.
class Device {
 public:
  Device(int number, const Settings& settings);

  int number() const { return number_; }
  bool combined() const { return combined_; }
  CqLayout cq_layout() const { return cq_layout_; }
  // Changes when the device is reset: everything that was given out before is void.
  uint32_t generation() const { return generation_; }
  uint64_t capabilities() const;
  dlb_resources_t Resources();

  // Returns null, or the name of the resource that is short.
  const char* TakeDomain(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv, int* id,
                         Allotment* out);
  void GiveBackDomain(int id, const Allotment& allotment);
  // Gives back the domain when its descriptor, which lives on in a child process, is closed there:
  // until then, the driver keeps everything.
  void GiveBackDomainWhenClosed(int id, const Allotment& allotment, OwnedFd probe);

  SequenceGroup* group(unsigned index) { return index < groups_.size() ? &groups_[index] : nullptr; }

  bool TakeVector(uint32_t limit) { return vectors_ < limit && ++vectors_ > 0; }
  void GiveBackVectors(uint32_t count) { vectors_ -= count; }

  void Reset(const Settings& settings);

 private:
  struct Held {
    int id;
    Allotment allotment;
    OwnedFd probe;
  };

  void FillStacks(const Limits& limits);
  void GiveBackUnheld();
  const char* WhatIsShort(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv) const;
  const char* TakeRanges(const dlb_create_sched_domain_t& args, Allotment* out);
  void TakeIds(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv, Allotment* out);

  int number_;
  bool combined_ = true;
  CqLayout cq_layout_ = CqLayout::kSparse;
  uint32_t generation_ = 0;
  std::vector<int> domains_;
  std::vector<int> ldb_queues_;
  std::array<std::vector<int>, 4> ldb_ports_;
  std::vector<int> dir_pairs_;
  Ranges entries_;
  std::array<Ranges, 2> credits_;
  std::array<uint32_t, 2> pools_{};
  std::array<SequenceGroup, 2> groups_{};
  uint32_t sn_slot_limit_ = 0;
  // The number of interrupt vectors that ports have.
  uint32_t vectors_ = 0;
  std::vector<Held> held_;
};

}  // namespace dlb_sim

#endif
