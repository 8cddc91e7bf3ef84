#ifndef DLB_SIM_TEST_SUITES_H
#define DLB_SIM_TEST_SUITES_H

#include "check.h"

namespace dlb_sim_test {

Tests SetupTests();
Tests SchedulingTests();
Tests OrderTests();
Tests CqTests();
Tests CreditTests();
Tests EpollTests();
Tests WaitTests();
Tests AlertTests();
Tests BreachTests();
Tests FaultTests();
Tests FileTests();
Tests ThreadTests();

inline std::vector<Tests> AllTests() {
  return {SetupTests(), SchedulingTests(), OrderTests(),  CqTests(),    CreditTests(), EpollTests(),
          WaitTests(),  AlertTests(),      BreachTests(), FaultTests(), FileTests(),   ThreadTests()};
}

}  // namespace dlb_sim_test

#endif
