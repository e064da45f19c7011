// Checks every kernel of every instruction set that this machine has against formulas written plainly from plan.ts, around the
// boundaries of their tiles. Prints, for each instruction set, how many cases each kernel passed; exits with 1 and the case when one is wrong, or when
// a kernel was not checked at all. test/unit/native/kernel-suite.test.ts builds it with AddressSanitizer and UndefinedBehaviorSanitizer.
#include "../isa.h"
#include "convolution_cases.h"
#include "elementwise_cases.h"
#include "image_cases.h"
#include "linear_cases.h"
#include "plain_cases.h"
#include "shuffle_cases.h"
#include "window_cases.h"
#include "winograd_cases.h"

namespace headwater::test {
namespace {

constexpr const char* kNames[] = {"input",          "shuffle",     "sparseConv",    "denseConv",   "winogradInput", "winogradConv", "depthwise", "pool",
                                  "pointwise",      "binary",      "globalAverage", "toPlain",     "fromPlain", "plainCopy",
                                  "plainFill",      "plainPointwise", "plainBinary", "softmax",    "denseLinear", "sparseLinear"};
static_assert(sizeof(Kernels) == sizeof(const char*) + sizeof kNames, "a kernel without a name here would not be checked");

/** Returns the number of failures. */
int checkKernels(const Kernels& kernels) {
  Suite suite(kernels);
  imageCases(suite);
  shuffleCases(suite);
  convolutionCases(suite);
  winogradCases(suite);
  windowCases(suite);
  elementwiseCases(suite);
  plainCases(suite);
  linearCases(suite);
  std::printf("%s:", kernels.isa);
  for (const char* name : kNames) std::printf(" %s=%d", name, suite.checks[name]);
  std::printf("\n");
  for (const char* name : kNames) {
    if (suite.checks[name] > 0) continue;
    std::printf("FAILED %s %s: was not checked\n", kernels.isa, name);
    suite.failures++;
  }
  return suite.failures;
}

}  // namespace
}  // namespace headwater::test

int main() {
  using namespace headwater;
  int failures = 0;
  for (const Kernels* kernels : usableKernels()) failures += test::checkKernels(*kernels);
  std::printf("%d failures on %d instruction sets\n", failures, static_cast<int>(usableKernels().size()));
  return failures > 0 ? 1 : 0;
}
