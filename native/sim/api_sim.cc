// The stand-in's functions beside libdlb's calls, and its end.
#include <algorithm>
#include <cstring>
#include <string>

#include "api.h"
#include "control.h"
#include "libdlb_sim.h"

using namespace dlb_sim;

namespace {

thread_local std::string last_error;

// A static object's destructor would be too early: this has to come after everything that the
// user's program destroys at its exit.
__attribute__((destructor)) void ReportAtExit() { World::Get().ReportLeaks(); }

}  // namespace

const char* dlb_sim_version() { return "node-dlb stand-in 1: a software model for tests, not the device"; }

int dlb_sim_control(const char* command) {
  last_error = command == nullptr ? "no command" : RunCommand(command, &World::Get());
  return last_error.empty() ? 0 : -1;
}

const char* dlb_sim_error() { return last_error.c_str(); }

unsigned dlb_sim_breach_count() { return World::Get().breaches.count(); }

size_t dlb_sim_breaches(char* buffer, size_t size) {
  const std::string text = World::Get().breaches.Text();
  if (size > 0) {
    const size_t fits = std::min(text.size(), size - 1);
    std::memcpy(buffer, text.data(), fits);
    buffer[fits] = '\0';
  }
  return text.size();
}

int dlb_sim_reset() {
  World::Get().ResetAll();
  return 0;
}
