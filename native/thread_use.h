#pragma once

#include <sys/types.h>

namespace node_dlb {

// What threads of this process do with their time, as the kernel tells it. Any thread may ask of
// any other; a thread's number may be another's once it has ended, and the answers are of that one
// then.

// The kernel's number of the calling thread.
pid_t ThreadNumber();

// CPU time that the thread has used since its start, in ms; negative if there is no such thread.
double ThreadCpu(pid_t thread);

// Whether the thread runs, could run if it had a core, or waits for events in its loop, whose epoll
// set is `poll_fd`. False if it waits for anything else, if it is the calling thread (which reads
// just then), or if the kernel does not tell (proc(5), /proc/pid/syscall).
bool IsReady(pid_t thread, int poll_fd);

}  // namespace node_dlb
