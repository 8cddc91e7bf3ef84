#pragma once

#include <cstddef>

namespace node_dlb {

// Writes as much as the descriptor takes at once, without making it non-blocking: that would hold
// for everybody who has it, such as an app's own synchronous writes to stdout, or the programs at
// its other end. What is not longer than 4,096 bytes (PIPE_BUF) is written in one piece or not at
// all; of more, the rest may be left. Returns how many bytes; a negative errno (EPIPE, ENOSPC,
// EBADF) if none could be written. Thread: any; several at once take turns.
long WriteWithoutWaiting(int fd, const char* data, size_t size);

}  // namespace node_dlb
