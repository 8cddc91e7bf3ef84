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
// The longest time between two wakes of a port that finds nothing, in rounds.
constexpr uint32_t kLongestWait = 32;

}  // namespace

void Lookout::SetPorts(std::vector<std::shared_ptr<Port>> ports) {
  const Lock lock(mutex_);
  ports_ = std::move(ports);
  progress_.resize(ports_.size());
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
  // If no thread can be created now, the next port that is watched tries again.
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
    // Most events are received long before the round is over.
    changed_.wait_for(lock, kRound, [this] { return stopped_; });
    if (stopped_) return;
    lock.unlock();
    WakeOverduePorts();
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

void Lookout::WakeOverduePorts() {
  const bool nothing_queued = !IsAnythingQueued();
  for (size_t i = 0; i < ports_.size(); ++i) {
    Port& port = *ports_[i];
    Progress& progress = progress_[i];
    const uint32_t nonempty_reads = port.nonempty_reads();
    if (nothing_queued || nonempty_reads != progress.nonempty_reads) {
      // The port makes progress, or there is nothing to find.
      progress = {};
      progress.nonempty_reads = nonempty_reads;
      continue;
    }
    if (!port.watched() || --progress.due > 0) continue;
    port.Signal();
    progress.wait = std::min(2 * progress.wait, kLongestWait);
    progress.due = progress.wait;
  }
}

}  // namespace node_dlb::dlb
