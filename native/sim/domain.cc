#include "domain.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "world.h"

namespace dlb_sim {
namespace {

// libdlb prints the driver's status to stdout.
int Refuse(const char* status) {
  std::printf("[dlb] Error: driver status %s\n", status);
  errno = EINVAL;
  return -1;
}

bool IsPowerOfTwo(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

Domain::Domain(Device* device, int id, Allotment allotment, const void* creator)
    : scheduler(allotment.credits[0].count + allotment.credits[1].count, device->combined(), device->cq_layout(),
                &World::Get().knobs, this),
      transit(this, &World::Get().knobs),
      alerts(std::make_shared<Alerts>(id, &World::Get().knobs)),
      device_(device),
      id_(id),
      allotment_(allotment),
      creator_(creator),
      combined_(device->combined()),
      left_(std::move(allotment)) {}

int Domain::CreatePool(unsigned kind, int credits) {
  if (started) return Refuse("DOMAIN_STARTED");
  if (credits < 0) return Refuse("INVALID_CREDITS");
  const auto count = static_cast<uint32_t>(credits);
  if (left_.pools[kind] == 0) return Refuse("CREDIT_POOLS_UNAVAILABLE");
  if (count > left_.credits[kind].count) return Refuse("CREDITS_UNAVAILABLE");
  left_.pools[kind]--;
  left_.credits[kind].count -= count;
  pools_[kind].push_back({count});
  return static_cast<int>(pools_[kind].size() - 1);
}

bool Domain::TakeSequenceSlot(uint32_t numbers) {
  for (unsigned i = 0; i < 2; i++) {
    SequenceGroup* group = device_->group(i);
    // The group may have been resized since the domain reserved its slots.
    if (group->per_queue != numbers || left_.sn_slots[i] == 0 || group->used >= group->slots()) continue;
    left_.sn_slots[i]--;
    slots_used_[i]++;
    group->used++;
    return true;
  }
  return false;
}

int Domain::CreateLdbQueue(const dlb_create_ldb_queue_t& args) {
  if (started) return Refuse("DOMAIN_STARTED");
  const uint32_t level = args.lock_id_comp_level;
  if (level != 0 && (!IsPowerOfTwo(level) || level < 64 || level > 65536)) return Refuse("INVALID_LOCK_ID_COMP_LEVEL");
  if (left_.ldb_queues.empty()) return Refuse("LDB_QUEUES_UNAVAILABLE");
  if (args.num_sequence_numbers != 0 && !TakeSequenceSlot(args.num_sequence_numbers)) {
    return Refuse("SEQUENCE_NUMBERS_UNAVAILABLE");
  }
  const int id = left_.ldb_queues.back();
  left_.ldb_queues.pop_back();
  const std::lock_guard lock(mutex);
  const uint32_t numbers = args.num_sequence_numbers;
  const uint32_t in_flight = numbers == 0 ? World::Get().settings().limits.queue_in_flight : numbers;
  scheduler.AddLdbQueue(static_cast<uint8_t>(id), numbers, level == 65536 ? 0 : level, in_flight);
  return id;
}

// A directed queue and its port have the same id. A `wanted` id is that of the other half, which
// has to exist already.
int Domain::TakePair(int wanted, const std::array<bool, 96>& used, const char* what) {
  const auto& other = &used == &dir_queues_ ? dir_ports_ : dir_queues_;
  if (wanted >= 0) {
    if (wanted >= 96 || !other[static_cast<size_t>(wanted)] || used[static_cast<size_t>(wanted)]) return Refuse(what);
    return wanted;
  }
  if (left_.dir_pairs.empty()) return Refuse("DIR_PORTS_UNAVAILABLE");
  const int id = left_.dir_pairs.back();
  left_.dir_pairs.pop_back();
  return id;
}

int Domain::CreateDirQueue(int port_id) {
  if (started) return Refuse("DOMAIN_STARTED");
  const int id = TakePair(port_id, dir_queues_, "INVALID_PORT_ID");
  if (id < 0) return -1;
  dir_queues_[static_cast<size_t>(id)] = true;
  const std::lock_guard lock(mutex);
  scheduler.AddDirQueue(static_cast<uint8_t>(id));
  return id;
}

CreditPool* Domain::Pool(unsigned kind, uint32_t id) { return id < pools_[kind].size() ? &pools_[kind][id] : nullptr; }

const char* Domain::CheckPort(const dlb_create_port_t& args, bool directed) {
  if (started) return "DOMAIN_STARTED";
  if (!IsPowerOfTwo(args.cq_depth) || args.cq_depth > 1024) return "INVALID_CQ_DEPTH";
  // On 2.0, a pool is needed for each kind that the domain has something of; on 2.5, always.
  const bool needs_first = combined_ || !allotment_.ldb_queues.empty();
  const bool needs_second = !combined_ && !allotment_.dir_pairs.empty();
  if (needs_first && Pool(0, args.pools.separate.ldb_credit_pool_id) == nullptr) return "INVALID_LDB_CREDIT_POOL_ID";
  if (needs_second && Pool(1, args.pools.separate.dir_credit_pool_id) == nullptr) return "INVALID_DIR_CREDIT_POOL_ID";
  if (directed) return nullptr;
  const uint32_t entries = args.num_ldb_event_state_entries;
  return entries < 1 || entries > left_.entries.count ? "HIST_LIST_ENTRIES_UNAVAILABLE" : nullptr;
}

// On 2.5, the second one is of the same kind: dlb_adv_send takes it for directed events.
PortCredits Domain::CreditsFor(const dlb_create_port_t& args) {
  return PortCredits(Pool(0, args.pools.separate.ldb_credit_pool_id),
                     Pool(combined_ ? 0 : 1, args.pools.separate.dir_credit_pool_id));
}

int Domain::TakeLdbPortId(uint32_t cos) {
  for (uint32_t i = 0; i < 4; i++) {
    auto& ids = left_.ldb_ports[i];
    if (ids.empty() || (cos != 4 && cos != i)) continue;
    const int id = ids.front();
    ids.erase(ids.begin());
    return id;
  }
  return -1;
}

int Domain::CreateLdbPort(const dlb_create_port_t& args) {
  if (const char* status = CheckPort(args, false)) return Refuse(status);
  if (args.use.cos_id > 4) return Refuse("INVALID_COS_ID");
  const int id = TakeLdbPortId(args.use.cos_id);
  if (id < 0) return Refuse("LDB_PORTS_UNAVAILABLE");
  left_.entries.count -= args.num_ldb_event_state_entries;
  const std::lock_guard lock(mutex);
  ConsumerQueue* cq =
      scheduler.AddPort(static_cast<uint8_t>(id), false, args.cq_depth, args.num_ldb_event_state_entries);
  ports_.push_back(std::make_unique<Port>(this, cq, CreditsFor(args)));
  return id;
}

int Domain::CreateDirPort(const dlb_create_port_t& args, int queue_id) {
  if (const char* status = CheckPort(args, true)) return Refuse(status);
  const int id = TakePair(queue_id, dir_ports_, "INVALID_DIR_QUEUE_ID");
  if (id < 0) return -1;
  dir_ports_[static_cast<size_t>(id)] = true;
  const std::lock_guard lock(mutex);
  ConsumerQueue* cq = scheduler.AddPort(static_cast<uint8_t>(id), true, args.cq_depth, 0);
  ports_.push_back(std::make_unique<Port>(this, cq, CreditsFor(args)));
  return id;
}

Port* Domain::FindPort(bool directed, int id) const {
  const auto found = std::find_if(ports_.begin(), ports_.end(),
                                  [&](const auto& port) { return port->directed() == directed && port->id() == id; });
  return found == ports_.end() ? nullptr : found->get();
}

Backlog* Domain::FindBacklog(bool directed, unsigned queue_id) {
  if (directed) {
    DirQueue* queue = scheduler.dir_queue(queue_id);
    return queue == nullptr ? nullptr : &queue->backlog;
  }
  LdbQueue* queue = scheduler.ldb_queue(queue_id);
  return queue == nullptr ? nullptr : &queue->backlog;
}

int Domain::Link(Port* port, int queue_id, int priority) {
  const std::lock_guard lock(mutex);
  if (port->directed()) return Refuse("INVALID_PORT_ID");
  if (priority < 0 || priority > 7) return Refuse("INVALID_PRIORITY");
  if (queue_id < 0 || scheduler.ldb_queue(static_cast<unsigned>(queue_id)) == nullptr) return Refuse("INVALID_QID");
  const uint32_t queues = port->cq()->queues;
  const bool linked = (queues >> queue_id & 1) != 0;
  if (!linked && __builtin_popcount(queues) == 8) return Refuse("NO_QID_SLOTS_AVAILABLE");
  scheduler.Link(port->cq(), static_cast<uint8_t>(queue_id), static_cast<unsigned>(priority));
  return 0;
}

int Domain::Unlink(Port* port, int queue_id) {
  const std::lock_guard lock(mutex);
  if (queue_id < 0 || queue_id > 31 || (port->cq()->queues >> queue_id & 1) == 0) return Refuse("INVALID_QID");
  scheduler.Unlink(port->cq(), static_cast<uint8_t>(queue_id));
  return 0;
}

void Domain::Start(bool refused) {
  const std::lock_guard lock(mutex);
  started = true;
  // The library ignores the driver's result.
  if (refused) scheduler.RefuseStart();
  if (!refused && !stale()) scheduler.Start();
}

bool Domain::TakeVector() {
  if (!device_->TakeVector(World::Get().knobs.vectors)) return false;
  vectors_++;
  return true;
}

void Domain::OnDeviceReset() {
  {
    const std::lock_guard lock(mutex);
    scheduler.Die();
    for (const auto& port : ports_) port->OnDeviceReset();
  }
  alerts->Push(DLB_ALERT_DEVICE_RESET, 0);
}

void Domain::Dismantle() {
  transit.Close();
  device_->GiveBackVectors(vectors_);
  if (!stale()) {
    for (unsigned i = 0; i < 2; i++) device_->group(i)->used -= slots_used_[i];
  }
  device_->GiveBackDomainWhenClosed(id_, allotment_, files_.Remove());
}

std::string Domain::Leftovers() {
  const std::lock_guard lock(mutex);
  transit.Settle(true);
  uint32_t in_cqs = 0;
  uint32_t unreleased = 0;
  for (const auto& port : ports_) {
    in_cqs += port->cq()->ring.unread();
    // The device's count is used, since the library's may have wrapped. Directed events need no
    // release.
    if (!port->directed()) unreleased += port->cq()->in_flight.size() - port->cq()->ring.unread();
  }
  // Events that only wait in a queue may be given up: it may be that no port is linked to it any
  // more.
  if (in_cqs + unreleased == 0) return "";
  return std::to_string(scheduler.queued()) + " events queued, " + std::to_string(in_cqs) +
         " scheduled and not received, " + std::to_string(unreleased) + " received and not released";
}

void Domain::OnHardwareError(const char* what) {
  World::Get().breaches.Add("domain %d: %s", id_, what);
  alerts->PushHardwareError(what);
}

}  // namespace dlb_sim
