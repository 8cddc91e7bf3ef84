// Many threads, each with its own ports: no event is lost, none comes twice, and there is no
// breach.
#include <algorithm>
#include <atomic>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

constexpr uint32_t kEach = 20000;
constexpr uint32_t kThreads = 3;

struct Crowd {
  explicit Crowd(bool combined) : rig({combined, 1, kThreads, kThreads, 1024, 1024, 64, 0}), queue(rig.Queue()) {
    for (uint32_t i = 0; i < kThreads; i++) {
      senders.push_back(rig.DirPort());
      receivers.push_back(rig.LdbPort(32, 64));
      rig.Link(receivers.back(), queue);
    }
    rig.Start();
  }

  void SendAll(dlb_port_hdl_t port, uint64_t first) const {
    for (uint64_t sent = 0; sent < kEach;) {
      const auto batch = static_cast<uint32_t>(std::min<uint64_t>(1 + sent % 40, kEach - sent));
      const Spec spec{queue, DLB_SCHED_ATOMIC, 0, static_cast<uint16_t>(sent % 64)};
      const int taken = Send(port, batch, spec, first + sent);
      if (taken == 0) std::this_thread::yield();
      sent += static_cast<uint64_t>(taken);
    }
  }

  void Count(const std::vector<uint64_t>& numbers) {
    for (const uint64_t number : numbers) seen[number]++;
    received += static_cast<uint32_t>(numbers.size());
  }

  void ReceiveAll(dlb_port_hdl_t port) {
    while (received < kEach * kThreads) {
      const std::vector<uint64_t> numbers = Receive(port, 16);
      Count(numbers);
      if (numbers.empty()) std::this_thread::yield();
      CHECK_EQUAL(dlb_release(port, static_cast<uint32_t>(numbers.size())), numbers.size());
    }
  }

  // Sleeps in poll without a time limit: a lost wake stops it for good.
  void ReceiveByEventfd(dlb_port_hdl_t port, int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    while (received < kEach * kThreads) {
      if (poll(&poll_fd, 1, 20) == 0) continue;
      const std::vector<uint64_t> numbers = Receive(port, 16);
      Count(numbers);
      CHECK_EQUAL(dlb_release(port, static_cast<uint32_t>(numbers.size())), numbers.size());
    }
  }

  template <typename Receiver>
  void Run(Receiver receiver) {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kThreads; i++) {
      threads.emplace_back([this, i] { SendAll(senders[i], uint64_t{i} * kEach); });
      threads.emplace_back([i, &receiver] { receiver(i); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& times : seen) CHECK_EQUAL(times.load(), 1);
  }

  Rig rig;
  int queue;
  std::vector<dlb_port_hdl_t> senders;
  std::vector<dlb_port_hdl_t> receivers;
  std::vector<std::atomic<uint32_t>> seen = std::vector<std::atomic<uint32_t>>(kEach * kThreads);
  std::atomic<uint32_t> received{0};
};

void Polling() {
  for (const bool combined : {true, false}) {
    Crowd crowd(combined);
    crowd.Run([&](uint32_t i) { crowd.ReceiveAll(crowd.receivers[i]); });
    crowd.rig.TearDown();
  }
}

void ByEventfd() {
  Crowd crowd(true);
  std::vector<int> fds;
  for (dlb_port_hdl_t port : crowd.receivers) {
    fds.push_back(eventfd(0, EFD_NONBLOCK));
    CHECK_EQUAL(dlb_enable_cq_epoll(port, true, fds.back()), 0);
  }
  crowd.Run([&](uint32_t i) { crowd.ReceiveByEventfd(crowd.receivers[i], fds[i]); });
  crowd.rig.TearDown();
  for (const int fd : fds) close(fd);
}

// Set-up calls and commands run beside the traffic.
void BesidesSetUp() {
  Crowd crowd(true);
  std::atomic<bool> stop{false};
  std::thread busybody([&] {
    uint64_t value = 0;
    for (uint32_t i = 0; !stop; i++) {
      dlb_port_hdl_t port = crowd.receivers[i % kThreads];
      CHECK_EQUAL(dlb_disable_port_sched(port), 0);
      CHECK_EQUAL(dlb_get_xstats(crowd.rig.device, 0x10006, static_cast<uint32_t>(crowd.queue), &value), 0);
      CHECK_EQUAL(dlb_unlink_queue(port, crowd.queue), 0);
      CHECK_EQUAL(dlb_link_queue(port, crowd.queue, static_cast<int>(i % 8)), 0);
      CHECK_EQUAL(dlb_enable_port_sched(port), 0);
      CHECK_EQUAL(dlb_sim_control(i % 2 == 0 ? "send-half 3" : "send-limit 7"), 0);
      std::this_thread::yield();
    }
  });
  crowd.Run([&](uint32_t i) { crowd.ReceiveAll(crowd.receivers[i]); });
  stop = true;
  busybody.join();
  crowd.rig.TearDown();
}

}  // namespace

Tests ThreadTests() {
  return {
      {"nothing is lost between threads that poll", Polling},
      {"nothing is lost between threads that sleep on eventfds", ByEventfd},
      {"links, stops and commands while events flow", BesidesSetUp},
  };
}

}  // namespace dlb_sim_test
