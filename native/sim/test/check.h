#ifndef DLB_SIM_TEST_CHECK_H
#define DLB_SIM_TEST_CHECK_H

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

// The small test framework of the stand-in's self-test.

namespace dlb_sim_test {

struct Test {
  const char* title;
  void (*run)();
};

// The tests of one file. check.cc runs the tests of all files in order.
using Tests = std::vector<Test>;

void Failed(const char* file, int line, const std::string& what);

// Checks that one of the breaches contains the text, and that there is one breach more than before.
void ExpectBreach(const char* file, int line, const std::string& text, unsigned count);

template <typename T>
std::string Shown(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <typename T>
std::string Shown(const std::vector<T>& values) {
  std::ostringstream out;
  for (const T& value : values) out << value << ' ';
  return out.str();
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == static_cast<A>(expected)) return;
  Failed(file, line, std::string(text) + " is " + Shown(actual) + ", not " + Shown(static_cast<A>(expected)));
}

template <typename T>
void CheckFails(const char* file, int line, const char* text, T result, int error, int actual_errno) {
  CheckEqual(file, line, text, static_cast<int>(result), -1);
  CheckEqual(file, line, text, actual_errno, error);
}

}  // namespace dlb_sim_test

#define CHECK(condition) \
  if (!(condition)) dlb_sim_test::Failed(__FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, ...) dlb_sim_test::CheckEqual(__FILE__, __LINE__, #actual, actual, __VA_ARGS__)
// Checks that the call returns -1 with this errno.
#define CHECK_FAILS(call, error)                                                       \
  do {                                                                                 \
    errno = 0;                                                                         \
    const auto result_of_call = call;                                                  \
    dlb_sim_test::CheckFails(__FILE__, __LINE__, #call, result_of_call, error, errno); \
  } while (false)
#define EXPECT_BREACH(text) dlb_sim_test::ExpectBreach(__FILE__, __LINE__, text, 1)
#define EXPECT_BREACHES(count, text) dlb_sim_test::ExpectBreach(__FILE__, __LINE__, text, count)

#endif
