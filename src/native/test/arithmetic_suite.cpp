// Checks that the learners' arithmetic of every instruction set gives the bits of the scalar one and touches no memory but its own, around
// the boundaries of its tiles; the scalar one is compared with TypeScript elsewhere. Prints how many cases each function passed; exits with 1
// and the case when one differs. test/unit/native/arithmetic-suite.test.ts builds it with AddressSanitizer and UndefinedBehaviorSanitizer.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "../arithmetic/choose.h"
#include "random.h"

namespace headwater::test {
namespace {

using Doubles = std::vector<double>;

/** Exactly as many as needed, so that AddressSanitizer sees the first number read behind the end; some are zeros, some are far larger than others. */
Doubles doubles(Random& random, int64_t length) {
  Doubles values;
  values.reserve(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; i++) {
    const double value = random.value() + random.value() / 16777216.0;
    values.push_back(random.chance(0.05) ? -0.0 : random.chance(0.05) ? value * 0x1p-1040 : random.chance(0.2) ? value * 1e6 : value);
  }
  return values;
}

std::vector<float> floats(Random& random, int64_t length) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; i++) values.push_back(random.value());
  return values;
}

bool isSame(const Doubles& a, const Doubles& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

/** What a run of one function wrote. */
using Results = std::vector<Doubles>;
using Run = std::function<Results(const ArithmeticKernels&, Random&)>;

/** The case is made from the same random numbers for each instruction set. */
class Suite {
 public:
  void check(const char* function, const std::string& description, const Run& run) {
    Random reference(++cases_);
    const Results expected = run(kScalarArithmetic, reference);
    for (const ArithmeticKernels* kernels : usableArithmetic()) {
      Random random(cases_);
      const Results results = run(*kernels, random);
      for (size_t i = 0; i < expected.size(); i++) {
        if (isSame(results[i], expected[i])) continue;
        failures++;
        std::printf("FAILED %s %s: %s differs from scalar\n", kernels->isa, function, description.c_str());
      }
      checks[kernels->isa][function]++;
    }
  }

  std::map<std::string, std::map<std::string, int>> checks;
  int failures = 0;

 private:
  uint64_t cases_ = 0;
};

void rowCases(Suite& suite, int64_t rows, int64_t columns) {
  const std::string size = std::to_string(rows) + " x " + std::to_string(columns);
  suite.check("multiplyRows", size, [&](const ArithmeticKernels& kernels, Random& random) {
    const Doubles matrix = doubles(random, rows * columns), vector = doubles(random, columns);
    Doubles out(rows);
    kernels.multiplyRows(matrix.data(), vector.data(), rows, columns, out.data());
    return Results{out};
  });
  suite.check("multiplyRowsOfFloats", size, [&](const ArithmeticKernels& kernels, Random& random) {
    const std::vector<float> matrix = floats(random, rows * columns), vector = floats(random, columns);
    Doubles out(rows);
    kernels.multiplyRowsOfFloats(matrix.data(), vector.data(), rows, columns, out.data());
    return Results{out};
  });
  suite.check("addOuter", size, [&](const ArithmeticKernels& kernels, Random& random) {
    Doubles matrix = doubles(random, rows * columns);
    const Doubles coefficients = doubles(random, rows), vector = doubles(random, columns);
    kernels.addOuter(matrix.data(), coefficients.data(), vector.data(), rows, columns);
    return Results{matrix};
  });
  suite.check("stepRows", size, [&](const ArithmeticKernels& kernels, Random& random) {
    Doubles weights = doubles(random, rows * columns), velocity = doubles(random, rows * columns), average = doubles(random, rows * columns);
    const Doubles input = doubles(random, columns), errors = doubles(random, rows), pulls = doubles(random, rows);
    kernels.stepRows({rows, columns, weights.data(), velocity.data(), average.data(), input.data(), errors.data(), pulls.data(), 0.01, 0.9, 1e-4});
    return Results{weights, velocity, average};
  });
}

void symmetricCases(Suite& suite, int64_t size) {
  suite.check("multiplySymmetric", std::to_string(size), [&](const ArithmeticKernels& kernels, Random& random) {
    const Doubles packed = doubles(random, size * (size + 1) / 2), vector = doubles(random, size);
    Doubles out(size);
    kernels.multiplySymmetric(packed.data(), vector.data(), size, out.data());
    return Results{out};
  });
  for (const int64_t count : {0, 1, 3, 16, 17}) {
    suite.check("addSymmetricOuters", std::to_string(count) + " of " + std::to_string(size), [&](const ArithmeticKernels& kernels, Random& random) {
      Doubles packed = doubles(random, size * (size + 1) / 2);
      const Doubles columns = doubles(random, count * size), coefficients = doubles(random, count);
      kernels.addSymmetricOuters(packed.data(), columns.data(), coefficients.data(), count, size);
      return Results{packed};
    });
  }
}

void softmaxCase(Suite& suite, int64_t samples, int64_t classes, int64_t dimensions) {
  const std::string size = std::to_string(samples) + ", " + std::to_string(classes) + ", " + std::to_string(dimensions);
  suite.check("softmaxLoss", size, [&](const ArithmeticKernels& kernels, Random& random) {
    const std::vector<float> embeddings = floats(random, samples * dimensions);
    std::vector<int32_t> labels;
    for (int64_t n = 0; n < samples; n++) labels.push_back(random.below(static_cast<int>(classes)));
    labels.shrink_to_fit();
    const Doubles sampleWeights = doubles(random, samples), weights = doubles(random, classes * dimensions), bias = doubles(random, classes);
    Doubles weightGradient = doubles(random, classes * dimensions), biasGradient = doubles(random, classes);
    const SoftmaxScratch scratch = softmaxScratch(dimensions, classes);
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, static_cast<size_t>(scratch.doubles()) * sizeof(double)) != 0) std::abort();
    // What the caller's memory held before must not matter.
    std::memset(memory, 0xff, static_cast<size_t>(scratch.doubles()) * sizeof(double));
    const double loss = kernels.softmaxLoss({samples, classes, dimensions, embeddings.data(), labels.data(), sampleWeights.data(), weights.data(),
                                             bias.data(), weightGradient.data(), biasGradient.data()},
                                            scratch, static_cast<double*>(memory));
    std::free(memory);
    return Results{{loss}, weightGradient, biasGradient};
  });
}

void allCases(Suite& suite) {
  for (int64_t columns = 0; columns <= 34; columns++) {
    for (const int64_t rows : {0, 1, 3, 4, 5, 9}) rowCases(suite, rows, columns);
    symmetricCases(suite, columns);
    softmaxCase(suite, 5, 5, columns);
  }
  for (const int64_t size : {127, 128, 129, 136, 257}) symmetricCases(suite, size);
  for (const int64_t samples : {0, 1, 2, 3, 4, 31, 32, 33, 65}) softmaxCase(suite, samples, 4, 9);
  for (int64_t classes = 1; classes <= 18; classes++) softmaxCase(suite, 3, classes, 21);
  softmaxCase(suite, 35, 3, 600);
  softmaxCase(suite, 14, 2, 6000);
}

}  // namespace
}  // namespace headwater::test

int main() {
  headwater::test::Suite suite;
  headwater::test::allCases(suite);
  for (const auto& [isa, functions] : suite.checks) {
    std::printf("%s:", isa.c_str());
    for (const auto& [function, count] : functions) std::printf(" %s=%d", function.c_str(), count);
    std::printf("\n");
  }
  return suite.failures > 0 ? 1 : 0;
}
