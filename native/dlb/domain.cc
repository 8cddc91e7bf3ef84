#include "domain.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <unistd.h>
#include <utility>

#include "bounded_reset.h"
#include "call_guard.h"
#include "fresh_stacks.h"
#include "registry.h"

namespace node_dlb::dlb {

using Lock = std::lock_guard<std::mutex>;

namespace {

// The number of queues that dlb_send's table has room for; dlb_send does not check the bound.
constexpr int kMostQueues = 128;

}  // namespace

Domain::Domain(std::shared_ptr<Device> device)
    : device_(std::move(device)), library_(device_->library()), process_(getpid()) {
  state_->library = &library_;
  number_ = std::random_device()() & 0x7fffffff;
}

Domain::~Domain() { Close(); }

std::shared_ptr<Domain> Domain::Create(std::shared_ptr<Device> device, const Config& config, SystemError* error) {
  std::shared_ptr<Domain> domain(new Domain(std::move(device)));
  *error = domain->Open(config);
  if (*error) return nullptr;
  domain->key_ = Registry::Get().Add(domain);
  return domain;
}

SystemError Domain::Open(const Config& config) {
  const Lock lock(mutex_);
  const CallGuard guard;
  abi::CreateDomain arguments = config.domain;
  abi::CreateDomainAdvanced classes = config.classes;
  const bool advanced = std::any_of(std::begin(classes.ldb_ports_per_class), std::end(classes.ldb_ports_per_class),
                                    [](uint32_t ports) { return ports != 0; });
  if (advanced && library_.adv_create_sched_domain == nullptr) return {ENOSYS, "dlb_adv_create_sched_domain"};
  if (const SystemError error = DivideSequenceNumbers(config.sequence_numbers)) {
    DivideAsBefore();
    return error;
  }
  {
    const FreshStacks stacks;
    id_ = advanced ? library_.adv_create_sched_domain(device_->handle(), &arguments, &classes)
                   : library_.create_sched_domain(device_->handle(), &arguments);
  }
  if (id_ < 0) {
    // After EINVAL (resources are short) and EPERM (another domain holds the sequence numbers),
    // nothing was begun. Any other failure has left a half-made domain in the handle.
    const SystemError error = LastError("dlb_create_sched_domain");
    if (errno != EINVAL && errno != EPERM) device_->Poison();
    DivideAsBefore();
    return error;
  }
  fd_ = guard.OpenedNoSocket();
  // A domain is attached only once: see FreshStacks.
  handle_ = library_.attach_sched_domain(device_->handle(), id_);
  if (handle_ == nullptr) return LastError("dlb_attach_sched_domain");
  if (const SystemError error = CreatePools(config)) return error;
  if (library_.launch_domain_alert_thread(handle_, Alerts::OnAlert, alerts_.get()) != 0) {
    return LastError("dlb_launch_domain_alert_thread");
  }
  state_->credits = config.credits;
  state_->credits_free = config.credits;
  return {};
}

SystemError Domain::CreatePools(const Config& config) {
  struct Pool {
    const char* name;
    int (*create)(abi::DomainHandle, int);
  };
  const bool combined = device_->Has(abi::kCombinedCredits);
  const Pool kinds[] = {
      combined ? Pool{"dlb_create_credit_pool", library_.create_credit_pool}
               : Pool{"dlb_create_ldb_credit_pool", library_.create_ldb_credit_pool},
      Pool{"dlb_create_dir_credit_pool", library_.create_dir_credit_pool},
  };
  for (size_t i = 0; i < 2; ++i) {
    if (config.pools[i] == 0) continue;
    pools_[i] = kinds[i].create(handle_, static_cast<int>(config.pools[i]));
    if (pools_[i] < 0) return LastError(kinds[i].name);
  }
  return {};
}

// Divides the groups' sequence numbers. This works only while no domain has a slot of the group, so
// it comes before this domain gets its own.
SystemError Domain::DivideSequenceNumbers(const uint32_t (&per_queue)[2]) {
  for (unsigned group = 0; group < 2; ++group) {
    unsigned before = 0;
    if (library_.get_ldb_sequence_number_allocation(device_->handle(), group, &before) != 0) {
      return LastError("dlb_get_ldb_sequence_number_allocation");
    }
    if (before == per_queue[group]) continue;
    if (library_.set_ldb_sequence_number_allocation(device_->handle(), group, per_queue[group]) != 0) {
      return LastError("dlb_set_ldb_sequence_number_allocation");
    }
    changed_groups_.emplace_back(group, before);
  }
  return {};
}

void Domain::DivideAsBefore() {
  for (const auto& [group, before] : std::exchange(changed_groups_, {})) {
    // Another domain may have slots of the group by now; then the division stays as it is.
    library_.set_ldb_sequence_number_allocation(device_->handle(), group, before);
  }
}

int Domain::CreateLdbQueue(uint32_t sequence_numbers, uint32_t lock_id_compression, SystemError* error) {
  const Lock lock(mutex_);
  abi::CreateQueue arguments{sequence_numbers, lock_id_compression};
  const int id = closed_ ? -1 : library_.create_ldb_queue(handle_, &arguments);
  if (id < 0) {
    *error = LastError("dlb_create_ldb_queue");
    return -1;
  }
  if (id >= kMostQueues) {
    *error = {EOVERFLOW, "dlb_create_ldb_queue"};
    return -1;
  }
  queues_.push_back({false, id});
  const auto set = [&](abi::SchedulingType type, bool fits) {
    state_->targets[static_cast<size_t>(type << 8 | id)] = fits ? DomainState::kFits : DomainState::kWrongType;
  };
  set(abi::kAtomic, true);
  set(abi::kUnordered, sequence_numbers == 0);
  set(abi::kOrdered, sequence_numbers != 0);
  return id;
}

int Domain::CreateDirQueue(int port, SystemError* error) {
  const Lock lock(mutex_);
  const int id = closed_ ? -1 : library_.create_dir_queue(handle_, port);
  if (id < 0 || id >= kMostQueues) {
    *error = id < 0 ? LastError("dlb_create_dir_queue") : SystemError{EOVERFLOW, "dlb_create_dir_queue"};
    return -1;
  }
  queues_.push_back({true, id});
  state_->targets[static_cast<size_t>(abi::kDirected << 8 | id)] = DomainState::kFits;
  return id;
}

abi::CreatePort Domain::PortArguments(const PortConfig& config) const {
  abi::CreatePort arguments{};
  if (device_->Has(abi::kCombinedCredits)) {
    arguments.pool = static_cast<uint32_t>(pools_[0]);
  } else {
    arguments.separate = {static_cast<uint32_t>(pools_[0]), static_cast<uint32_t>(pools_[1])};
  }
  arguments.cq_depth = config.cq_depth;
  arguments.event_state_entries = config.event_state_entries;
  if (config.directed) {
    arguments.is_producer = config.is_producer;
  } else {
    arguments.class_of_service = config.class_of_service;
  }
  return arguments;
}

std::shared_ptr<Port> Domain::CreatePort(const PortConfig& config, SystemError* error) {
  const Lock lock(mutex_);
  abi::CreatePort arguments = PortArguments(config);
  const int id = config.directed ? library_.create_dir_port(handle_, &arguments, config.queue)
                                 : library_.create_ldb_port(handle_, &arguments);
  if (id < 0) {
    *error = LastError(config.directed ? "dlb_create_dir_port" : "dlb_create_ldb_port");
    return nullptr;
  }
  const abi::PortHandle handle =
      config.directed ? library_.attach_dir_port(handle_, id) : library_.attach_ldb_port(handle_, id);
  if (handle == nullptr) {
    *error = LastError(config.directed ? "dlb_attach_dir_port" : "dlb_attach_ldb_port");
    return nullptr;
  }
  const Port::Spec spec{config.directed, id, config.directed ? config.cq_depth : config.event_state_entries};
  auto port = std::make_shared<Port>(state_, spec, handle);
  ports_.push_back(port);
  if (!config.weight) return port;
  if (library_.enable_cq_weight == nullptr) {
    *error = {ENOSYS, "dlb_enable_cq_weight"};
  } else if (library_.enable_cq_weight(handle) != 0) {
    *error = LastError("dlb_enable_cq_weight");
  }
  return port;
}

SystemError Domain::Start() {
  const Lock lock(mutex_);
  if (library_.start_sched_domain(handle_) != 0) return LastError("dlb_start_sched_domain");
  state_->lookout.SetPorts(ports_);
  state_->started.store(true, std::memory_order_release);
  // A read of the CQ before the start could not arm the interrupt, so every port reads again.
  for (const auto& port : ports_) port->Signal();
  return {};
}

SystemError Domain::Close() {
  const Lock lock(mutex_);
  if (closed_) return {};
  closed_ = true;
  SystemError first;
  // A forked child shares the device's memory with its parent, and the domain is the parent's.
  if (process_ != getpid() || id_ < 0) return first;
  state_->lookout.Stop();
  for (const auto& port : ports_) port->Stop();
  for (const auto& port : ports_) {
    const SystemError error = port->Close();
    if (!first) first = error;
  }
  Reset(&first);
  if (!key_.empty()) Registry::Get().Remove(key_);
  return first;
}

void Domain::Reset(SystemError* first) {
  if (handle_ != nullptr && library_.detach_sched_domain(handle_) != 0 && !*first) {
    *first = LastError("dlb_detach_sched_domain");
  }
  handle_ = nullptr;
  if (const SystemError error = ResetBounded(library_, device_->handle(), id_)) {
    if (!*first || error.code == ETIMEDOUT) *first = error;
    if (error.code == ETIMEDOUT) {
      device_->Poison();
      // The driver keeps the domain until this descriptor is closed.
      if (fd_ >= 0) close(fd_);
    }
    // The alert thread may still run and call back, so the alerts are never freed.
    static_cast<void>(new std::shared_ptr<Alerts>(alerts_));
    return;
  }
  for (const auto& port : ports_) port->DropEventfd();
  ports_.clear();
  DivideAsBefore();
}

}  // namespace node_dlb::dlb
