#ifndef DLB_SIM_TEST_CAPTURED_STDOUT_H
#define DLB_SIM_TEST_CAPTURED_STDOUT_H

#include <cstdio>
#include <string>
#include <unistd.h>

namespace dlb_sim_test {

// Captures what the library prints while the object exists.
class CapturedStdout {
 public:
  CapturedStdout() {
    std::fflush(stdout);
    file_ = std::tmpfile();
    saved_ = dup(STDOUT_FILENO);
    dup2(fileno(file_), STDOUT_FILENO);
  }
  ~CapturedStdout() {
    std::fflush(stdout);
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
    std::fclose(file_);
  }
  CapturedStdout(const CapturedStdout&) = delete;
  CapturedStdout& operator=(const CapturedStdout&) = delete;

  // The text so far.
  std::string Text() {
    std::fflush(stdout);
    std::string text(4096, '\0');
    const ssize_t length = pread(fileno(file_), text.data(), text.size(), 0);
    text.resize(length < 0 ? 0 : static_cast<size_t>(length));
    return text;
  }

 private:
  std::FILE* file_;
  int saved_;
};

}  // namespace dlb_sim_test

#endif
