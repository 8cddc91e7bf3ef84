#include "lookout.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "domain_state.h"
#include "port.h"

namespace node_dlb::dlb {
namespace {

using Lock = std::unique_lock<std::mutex>;

constexpr auto kRound = std::chrono::milliseconds(10);
// In rounds, between looks at a port at which nothing is found.
constexpr uint32_t kLongestWait = 32;

}  // namespace

void Lookout::SetPorts(std::vector<std::shared_ptr<Port>> ports) {
  const Lock lock(mutex_);
  ports_ = std::move(ports);
  sights_.resize(ports_.size());
  changed_.notify_one();
}

void Lookout::Watch() {
  const Lock lock(mutex_);
  ++watched_;
  changed_.notify_one();
  if (thread_ || stopped_) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  // If there can be no thread now, the next port that is watched tries again.
  if (pthread_create(&thread, nullptr, Main, this) == 0) {
    pthread_setname_np(thread, "dlb-lookout");
    thread_ = thread;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Lookout::Unwatch() {
  const Lock lock(mutex_);
  --watched_;
}

void Lookout::Stop() {
  std::optional<pthread_t> thread;
  {
    const Lock lock(mutex_);
    stopped_ = true;
    thread = std::exchange(thread_, std::nullopt);
    changed_.notify_one();
  }
  if (thread) pthread_join(*thread, nullptr);
  ports_.clear();
}

void Lookout::Wake() {
  const Lock lock(mutex_);
  sleeps_.store(false, std::memory_order_seq_cst);
  changed_.notify_one();
}

bool Lookout::IsAnythingQueued() const {
  return domain_->credits_free.load(std::memory_order_seq_cst) < domain_->credits &&
         !domain_->device_was_reset.load(std::memory_order_relaxed);
}

void* Lookout::Main(void* self) {
  static_cast<Lookout*>(self)->Run();
  return nullptr;
}

void Lookout::Run() {
  Lock lock(mutex_);
  while (!stopped_) {
    SleepUntilSent(&lock);
    // Most events are received long before it is over.
    changed_.wait_for(lock, kRound, [this] { return stopped_; });
    if (stopped_) return;
    lock.unlock();
    LookAround();
    lock.lock();
  }
}

void Lookout::SleepUntilSent(Lock* lock) {
  changed_.wait(*lock, [this] { return stopped_ || (watched_ > 0 && !ports_.empty()); });
  sleeps_.store(true, std::memory_order_seq_cst);
  if (!IsAnythingQueued()) {
    changed_.wait(*lock, [this] { return stopped_ || !sleeps_.load(std::memory_order_relaxed); });
  }
  sleeps_.store(false, std::memory_order_seq_cst);
}

void Lookout::LookAround() {
  const bool certain = !IsAnythingQueued();
  for (size_t i = 0; i < ports_.size(); ++i) {
    Port& port = *ports_[i];
    Sight& sight = sights_[i];
    const uint32_t finds = port.finds();
    if (certain || finds != sight.finds) {
      // It gets on, or there is nothing to find.
      sight = {};
      sight.finds = finds;
      continue;
    }
    if (!port.watched() || --sight.due > 0) continue;
    port.Signal();
    sight.wait = std::min(2 * sight.wait, kLongestWait);
    sight.due = sight.wait;
  }
}

}  // namespace node_dlb::dlb
