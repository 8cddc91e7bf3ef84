#ifndef DLB_SIM_DOMAIN_SERVER_H
#define DLB_SIM_DOMAIN_SERVER_H

#include <pthread.h>
#include <string>

#include "owned_fd.h"

namespace dlb_sim {

// The thread that gives a domain's descriptor to each process that connects to the domain's socket.
// Like libdlb's, it uses a msghdr on its stack whose name fields it does not set. On a stack that
// another thread has had before, those fields are what that thread left there, and sendmsg may
// refuse them. Thread: its owner's; the world's lock is held for all of it.
class DomainServer {
 public:
  DomainServer() = default;
  DomainServer(const DomainServer&) = delete;
  DomainServer& operator=(const DomainServer&) = delete;
  ~DomainServer() { Stop(); }

  // Starts the thread on a stack of glibc's choice. Both descriptors stay the owner's. Returns
  // false if no thread can be made.
  bool Start(int socket, int domain);
  // Stops the thread: nobody can connect any more.
  void Stop();
  bool runs() const { return socket_ >= 0; }

 private:
  static void* Run(void* self);

  pthread_t thread_{};
  int socket_ = -1;
  int domain_ = -1;
};

// Does what a process does that attaches: connects, and takes the descriptor. The descriptor is not
// valid if none was sent.
OwnedFd ReceiveDomain(const std::string& socket_path);

// Leaves with glibc some stacks of ended threads, full of data that a thread may leave on them.
void LeaveDirtyStacks();

}  // namespace dlb_sim

#endif
