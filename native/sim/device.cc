#include "device.h"

#include <algorithm>
#include <sys/file.h>

namespace dlb_sim {
namespace {

constexpr int kPortsPerClass = 16;

// The driver hands out the ports of a class in an order that puts neighbours far apart; a stack of
// i * 7 mod 16 gives 9, 2, 11, ... as on the device.
constexpr int PortId(int cos, int i) { return cos * kPortsPerClass + i * 7 % kPortsPerClass; }

void Take(std::vector<int>* from, size_t count, std::vector<int>* to) {
  for (; count > 0; count--) {
    to->push_back(from->back());
    from->pop_back();
  }
}

void GiveBack(const std::vector<int>& ids, std::vector<int>* to) { to->insert(to->end(), ids.rbegin(), ids.rend()); }

}  // namespace

Device::Device(int number, const Settings& settings) : number_(number) { Reset(settings); }

void Device::Reset(const Settings& settings) {
  generation_++;
  combined_ = settings.combined;
  cq_layout_ = settings.cq_layout;
  held_.clear();
  groups_ = {};
  FillStacks(settings.limits);
  entries_ = Ranges(settings.limits.entries);
  credits_ = {Ranges(combined_ ? settings.limits.credits : settings.limits.ldb_credits),
              Ranges(combined_ ? 0 : settings.limits.dir_credits)};
  pools_ = {settings.limits.pools, combined_ ? 0 : settings.limits.pools};
  sn_slot_limit_ = settings.limits.sn_slots;
}

void Device::FillStacks(const Limits& limits) {
  domains_.clear();
  ldb_queues_.clear();
  dir_pairs_.clear();
  // Ids are taken from the end of the stack. Under a lower limit, those that would be taken first
  // are the ones that remain.
  for (int i = static_cast<int>(limits.domains); i > 0; i--) domains_.push_back(32 - i);
  for (int i = static_cast<int>(limits.ldb_queues); i > 0; i--) ldb_queues_.push_back(32 - i);
  const int pairs = combined_ ? 96 : 64;
  for (int i = std::min(static_cast<int>(limits.dir_ports), pairs); i > 0; i--) dir_pairs_.push_back(pairs - i);
  int left = static_cast<int>(limits.ldb_ports);
  for (int cos = 0; cos < 4; cos++) {
    auto& stack = ldb_ports_[static_cast<size_t>(cos)];
    stack.clear();
    const int count = std::min(left, kPortsPerClass);
    for (int i = kPortsPerClass - count; i < kPortsPerClass; i++) stack.push_back(PortId(cos, i));
    left -= count;
  }
}

uint64_t Device::capabilities() const {
  constexpr uint64_t common = DLB_CAP_LDB_DEQ_EVENT_FID | DLB_CAP_PORT_COS | DLB_CAP_QUEUE_DT | DLB_CAP_LOCK_ID_COMP;
  return combined_ ? common | DLB_CAP_COMBINED_CREDITS | DLB_CAP_QE_WEIGHT | DLB_CAP_OP_FRAG : common;
}

dlb_resources_t Device::Resources() {
  GiveBackUnheld();
  dlb_resources_t out{};
  out.num_sched_domains = static_cast<uint32_t>(domains_.size());
  out.num_ldb_queues = static_cast<uint32_t>(ldb_queues_.size());
  for (size_t cos = 0; cos < 4; cos++) {
    out.num_ldb_ports_per_cos[cos] = static_cast<uint32_t>(ldb_ports_[cos].size());
    out.num_ldb_ports += out.num_ldb_ports_per_cos[cos];
  }
  out.num_dir_ports = static_cast<uint32_t>(dir_pairs_.size());
  out.num_ldb_event_state_entries = entries_.total();
  out.max_contiguous_ldb_event_state_entries = entries_.longest();
  if (combined_) {
    out.credits.combined = {credits_[0].total(), pools_[0]};
  } else {
    out.credits.separate = {
        credits_[0].total(), credits_[0].longest(), credits_[1].total(), credits_[1].longest(), pools_[0], pools_[1]};
  }
  for (size_t i = 0; i < 2; i++) {
    const uint32_t slots = std::min(groups_[i].slots(), sn_slot_limit_);
    out.num_sn_slots[i] = slots - std::min(slots, groups_[i].reserved);
  }
  return out;
}

const char* Device::WhatIsShort(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv) const {
  if (domains_.empty()) return "DOMAIN_UNAVAILABLE";
  if (args.num_ldb_queues > ldb_queues_.size()) return "LDB_QUEUES_UNAVAILABLE";
  size_t wanted = args.num_ldb_ports;
  for (size_t cos = 0; cos < 4; cos++) wanted += adv.num_cos_ldb_ports[cos];
  if (args.num_ldb_queues > 0 && wanted == 0) return "LDB_PORT_REQUIRED_FOR_LDB_QUEUES";
  size_t left = 0;
  for (size_t cos = 0; cos < 4; cos++) {
    if (adv.num_cos_ldb_ports[cos] > ldb_ports_[cos].size()) return "LDB_PORTS_UNAVAILABLE";
    left += ldb_ports_[cos].size() - adv.num_cos_ldb_ports[cos];
  }
  if (args.num_ldb_ports > left) return "LDB_PORTS_UNAVAILABLE";
  if (args.num_dir_ports > dir_pairs_.size()) return "DIR_PORTS_UNAVAILABLE";
  for (size_t i = 0; i < 2; i++) {
    const uint32_t slots = std::min(groups_[i].slots(), sn_slot_limit_);
    if (args.num_sn_slots[i] > slots - std::min(slots, groups_[i].reserved)) return "SEQUENCE_NUMBERS_UNAVAILABLE";
  }
  const uint32_t pools[] = {
      combined_ ? args.credits.combined.num_credit_pools : args.credits.separate.num_ldb_credit_pools,
      combined_ ? 0 : args.credits.separate.num_dir_credit_pools};
  return pools[0] > pools_[0] || pools[1] > pools_[1] ? "CREDIT_POOLS_UNAVAILABLE" : nullptr;
}

const char* Device::TakeRanges(const dlb_create_sched_domain_t& args, Allotment* out) {
  const auto& credits = args.credits;
  const uint32_t first = combined_ ? credits.combined.num_credits : credits.separate.num_ldb_credits;
  const uint32_t second = combined_ ? 0 : credits.separate.num_dir_credits;
  if (!entries_.Take(args.num_ldb_event_state_entries, &out->entries)) return "HIST_LIST_ENTRIES_UNAVAILABLE";
  if (!credits_[0].Take(first, &out->credits[0])) {
    entries_.GiveBack(out->entries);
    return combined_ ? "CREDITS_UNAVAILABLE" : "LDB_CREDITS_UNAVAILABLE";
  }
  if (!credits_[1].Take(second, &out->credits[1])) {
    entries_.GiveBack(out->entries);
    credits_[0].GiveBack(out->credits[0]);
    return "DIR_CREDITS_UNAVAILABLE";
  }
  out->pools = {combined_ ? credits.combined.num_credit_pools : credits.separate.num_ldb_credit_pools,
                combined_ ? 0 : credits.separate.num_dir_credit_pools};
  return nullptr;
}

void Device::TakeIds(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv, Allotment* out) {
  Take(&ldb_queues_, args.num_ldb_queues, &out->ldb_queues);
  Take(&dir_pairs_, args.num_dir_ports, &out->dir_pairs);
  for (size_t cos = 0; cos < 4; cos++) Take(&ldb_ports_[cos], adv.num_cos_ldb_ports[cos], &out->ldb_ports[cos]);
  size_t any = args.num_ldb_ports;
  for (size_t cos = 0; cos < 4; cos++) {
    const size_t count = std::min(any, ldb_ports_[cos].size());
    Take(&ldb_ports_[cos], count, &out->ldb_ports[cos]);
    any -= count;
  }
}

const char* Device::TakeDomain(const dlb_create_sched_domain_t& args, const dlb_adv_create_sched_domain_t& adv, int* id,
                               Allotment* out) {
  GiveBackUnheld();
  if (const char* what = WhatIsShort(args, adv)) return what;
  if (const char* what = TakeRanges(args, out)) return what;
  TakeIds(args, adv, out);
  for (size_t i = 0; i < 2; i++) {
    pools_[i] -= out->pools[i];
    out->sn_slots[i] = args.num_sn_slots[i];
    groups_[i].reserved += args.num_sn_slots[i];
  }
  out->generation = generation_;
  *id = domains_.back();
  domains_.pop_back();
  return nullptr;
}

void Device::GiveBackDomain(int id, const Allotment& allotment) {
  if (allotment.generation != generation_) return;
  GiveBack(allotment.ldb_queues, &ldb_queues_);
  GiveBack(allotment.dir_pairs, &dir_pairs_);
  for (size_t cos = 0; cos < 4; cos++) GiveBack(allotment.ldb_ports[cos], &ldb_ports_[cos]);
  entries_.GiveBack(allotment.entries);
  for (size_t i = 0; i < 2; i++) {
    credits_[i].GiveBack(allotment.credits[i]);
    pools_[i] += allotment.pools[i];
    groups_[i].reserved -= allotment.sn_slots[i];
  }
  domains_.push_back(id);
}

void Device::GiveBackDomainWhenClosed(int id, const Allotment& allotment, OwnedFd probe) {
  held_.push_back({id, allotment, std::move(probe)});
  GiveBackUnheld();
}

void Device::GiveBackUnheld() {
  for (size_t i = 0; i < held_.size();) {
    if (flock(held_[i].probe.get(), LOCK_EX | LOCK_NB) != 0) {
      i++;
      continue;
    }
    GiveBackDomain(held_[i].id, held_[i].allotment);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace dlb_sim
