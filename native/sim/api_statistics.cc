// dlb_get_xstats: the counters of the whole device, by id.
#include "api.h"

using namespace dlb_sim;

namespace {

enum Group : uint32_t { kLdbQueue = 1, kLdbPort = 2, kDirected = 3 };

uint32_t DepthCode(uint32_t depth) {
  uint32_t code = 0;
  while ((1U << code) < depth) code++;
  return code;
}

// A waiting event is counted either among the atomic events that wait for the port that has their
// flow, or among the enqueued ones, never both.
bool OfQueue(const Scheduler& scheduler, const LdbQueue& queue, uint32_t counter, uint64_t* value) {
  switch (counter) {
    case 0:
      *value = queue.in_flight;
      return true;
    case 1:
      *value = queue.in_flight_limit;
      return true;
    case 2:
      *value = scheduler.CountBlocked(queue);
      return true;
    case 3:
    case 4:
      *value = Backlog::kThreshold;
      return true;
    case 6:
      *value = queue.backlog.depth - scheduler.CountBlocked(queue);
      return true;
    default:
      return false;
  }
}

bool OfPort(ConsumerQueue* port, uint32_t counter, uint64_t* value) {
  switch (counter) {
    case 0:
      *value = port->ring.unread();
      return true;
    case 1:
      *value = port->tokens;
      return true;
    case 2:
      *value = DepthCode(port->depth);
      return true;
    case 3:
      *value = port->in_flight.size();
      return true;
    default:
      return false;
  }
}

bool OfDirected(ConsumerQueue* port, const DirQueue* queue, uint32_t counter, uint64_t* value) {
  switch (counter) {
    case 0:
      *value = DepthCode(port->depth);
      return true;
    case 1:
      *value = port->ring.unread();
      return true;
    case 2:
      *value = Backlog::kThreshold;
      return true;
    case 3:
      *value = queue == nullptr ? 0 : queue->backlog.depth;
      return true;
    default:
      return false;
  }
}

bool OfDomain(Domain* domain, uint32_t type, uint32_t id, uint64_t* value) {
  const std::lock_guard lock(domain->mutex);
  const uint32_t counter = type & 0xffff;
  if (type >> 16 == kLdbQueue) {
    const LdbQueue* queue = domain->scheduler.ldb_queue(id);
    return queue != nullptr && OfQueue(domain->scheduler, *queue, counter, value);
  }
  const bool directed = type >> 16 == kDirected;
  if (!directed && type >> 16 != kLdbPort) return false;
  Port* port = domain->FindPort(directed, static_cast<int>(id));
  if (port == nullptr) return false;
  return directed ? OfDirected(port->cq(), domain->scheduler.dir_queue(id), counter, value)
                  : OfPort(port->cq(), counter, value);
}

}  // namespace

int dlb_get_xstats(dlb_hdl_t hdl, uint32_t type, uint32_t id, uint64_t* value) {
  const SetupCall<DeviceHandle> call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  if (value == nullptr) return Fail(EINVAL);
  for (Domain* domain : call.world.DomainsOf(call.handle->device)) {
    if (OfDomain(domain, type, id, value)) return 0;
  }
  return Fail(EINVAL);
}
