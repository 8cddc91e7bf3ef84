#pragma once

#include <sys/types.h>

namespace node_dlb {

// What the kernel knows about the threads of this process. Any thread may ask about any other. Once
// a thread has ended, its number may be given to another thread; then the answers are about that
// one.

// The kernel's number of the calling thread.
pid_t ThreadNumber();

// The CPU time that the thread has used since its start, in ms; negative if there is no such
// thread.
double ThreadCpu(pid_t thread);

// Whether the thread runs, could run if it had a core, or waits for events in its loop, whose epoll
// set is `poll_fd`. False if the thread waits for anything else, if it is the calling thread (which
// is reading at that moment), or if the kernel does not tell (proc(5), /proc/pid/syscall).
bool IsReady(pid_t thread, int poll_fd);

}  // namespace node_dlb
