#include "arithmetic_object.h"

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>

#include "arguments.h"
#include "arithmetic/choose.h"
#include "js_values.h"

namespace headwater {

namespace {

const ArithmeticKernels& kernelsOf(const Arguments& arguments) { return *static_cast<const ArithmeticKernels*>(arguments.data()); }

napi_value multiplyRows(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "multiplyRows");
  const int64_t rows = arguments.count("rows"), columns = arguments.lengthOfNext("vector");
  const auto multiply = [&](auto kernel, const auto* vector, const auto* matrix) {
    double* out = arguments.doubles("out", rows, Use::written);
    arguments.checkOverlaps();
    if (arguments.isWrong()) return arguments.refuse();
    kernel(matrix, vector, rows, columns, out);
    return static_cast<napi_value>(nullptr);
  };
  if (arguments.isNext(napi_float32_array)) {
    const float* vector = arguments.floats("vector", columns);
    return multiply(kernelsOf(arguments).multiplyRowsOfFloats, vector, arguments.floats("matrix", rows * columns));
  }
  const double* vector = arguments.doubles("vector", columns);
  return multiply(kernelsOf(arguments).multiplyRows, vector, arguments.doubles("matrix", rows * columns));
}

napi_value addOuter(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "addOuter");
  const int64_t rows = arguments.count("rows"), columns = arguments.lengthOfNext("vector");
  const double* vector = arguments.doubles("vector", columns);
  double* matrix = arguments.doubles("matrix", rows * columns, Use::written);
  const double* coefficients = arguments.doubles("coefficients", rows);
  arguments.checkOverlaps();
  if (arguments.isWrong()) return arguments.refuse();
  kernelsOf(arguments).addOuter(matrix, coefficients, vector, rows, columns);
  return nullptr;
}

napi_value stepRows(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "stepRows");
  SgdStep step;
  step.rows = arguments.count("rows");
  step.columns = arguments.lengthOfNext("vector");
  step.input = arguments.doubles("input", step.columns);
  step.weights = arguments.doubles("weights", step.rows * step.columns, Use::written);
  step.velocity = arguments.doubles("velocity", step.rows * step.columns, Use::written);
  step.average = arguments.doubles("average", step.rows * step.columns, Use::written);
  step.errors = arguments.doubles("errors", step.rows);
  step.pulls = arguments.doubles("pulls", step.rows);
  step.rate = arguments.number("rate");
  step.momentum = arguments.number("momentum");
  step.weightDecay = arguments.number("weightDecay");
  arguments.checkOverlaps();
  if (arguments.isWrong()) return arguments.refuse();
  kernelsOf(arguments).stepRows(step);
  return nullptr;
}

/** Rows of the largest triangle that fits into so many numbers. */
int64_t triangleSize(int64_t numbers) {
  auto size = static_cast<int64_t>((std::sqrt(8.0 * static_cast<double>(numbers) + 1) - 1) / 2);
  while (size * (size + 1) / 2 > numbers) size--;
  while ((size + 1) * (size + 2) / 2 <= numbers) size++;
  return size;
}

napi_value multiplySymmetric(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "multiplySymmetric");
  const int64_t size = arguments.lengthOfNext("vector");
  const double* vector = arguments.doubles("vector", size);
  const double* packed = arguments.doubles("packed", size * (size + 1) / 2);
  double* out = arguments.doubles("out", size, Use::written);
  arguments.checkOverlaps();
  if (arguments.isWrong()) return arguments.refuse();
  kernelsOf(arguments).multiplySymmetric(packed, vector, size, out);
  return nullptr;
}

napi_value addSymmetricOuters(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "addSymmetricOuters");
  const int64_t count = arguments.count("count"), numbers = arguments.lengthOfNext("packed"), size = triangleSize(numbers);
  double* packed = arguments.doubles("packed", numbers, Use::written);
  if (size * (size + 1) / 2 != numbers) {
    arguments.refuseBecause("packed has " + std::to_string(numbers) + " elements, which is D (D + 1) / 2 for no D");
  }
  const double* columns = arguments.doubles("columns", count * size);
  const double* coefficients = arguments.doubles("coefficients", count);
  arguments.checkOverlaps();
  if (arguments.isWrong()) return arguments.refuse();
  kernelsOf(arguments).addSymmetricOuters(packed, columns, coefficients, count, size);
  return nullptr;
}

SoftmaxProblem readSoftmaxProblem(Arguments& arguments) {
  SoftmaxProblem problem;
  problem.samples = arguments.count("samples");
  problem.classes = arguments.count("classes");
  const int64_t weights = arguments.lengthOfNext("weights");
  if (problem.classes == 0 || weights % problem.classes != 0) {
    arguments.refuseBecause("weights must be a Float64Array of [classes, D], of at least one class");
  }
  problem.dimensions = problem.classes == 0 ? 0 : weights / problem.classes;
  problem.weights = arguments.doubles("weights", weights);
  problem.embeddings = arguments.floats("embeddings", problem.samples * problem.dimensions);
  problem.labels = arguments.integers("labels", problem.samples);
  problem.sampleWeights = arguments.doubles("sampleWeights", problem.samples);
  problem.bias = arguments.doubles("bias", problem.classes);
  problem.weightGradient = arguments.doubles("weightGradient", weights, Use::written);
  problem.biasGradient = arguments.doubles("biasGradient", problem.classes, Use::written);
  arguments.checkOverlaps();
  for (int64_t n = 0; n < problem.samples && !arguments.isWrong(); n++) {
    const int64_t label = problem.labels[n];
    if (label >= 0 && label < problem.classes) continue;
    arguments.refuseBecause("labels[" + std::to_string(n) + "] is " + std::to_string(label) + ", but there are " +
                            std::to_string(problem.classes) + " classes");
  }
  return problem;
}

napi_value softmaxLoss(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info, "softmaxLoss");
  const SoftmaxProblem problem = readSoftmaxProblem(arguments);
  if (arguments.isWrong()) return arguments.refuse();
  const SoftmaxScratch scratch = softmaxScratch(problem.dimensions, problem.classes);
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, scratch.doubles() * sizeof(double)) != 0) {
    arguments.refuseBecause("no memory for " + std::to_string(scratch.doubles()) + " numbers");
    return arguments.refuse();
  }
  const std::unique_ptr<void, decltype(&std::free)> owner(memory, std::free);
  return number(env, kernelsOf(arguments).softmaxLoss(problem, scratch, static_cast<double*>(memory)));
}

}  // namespace

napi_value createArithmetic(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value isa = undefined(env);
  napi_get_cb_info(env, info, &count, &isa, nullptr, nullptr);
  const std::string name = text(env, isa).value_or("");
  const ArithmeticKernels* kernels = findArithmetic(name);
  if (kernels == nullptr) return throwError(env, "isa: this machine has no instruction set '" + name + "'");
  // Only read: tables are constants.
  void* data = const_cast<ArithmeticKernels*>(kernels);
  const napi_property_descriptor properties[] = {
      {"isa", nullptr, nullptr, nullptr, nullptr, string(env, kernels->isa), napi_enumerable, nullptr},
      {"multiplyRows", nullptr, multiplyRows, nullptr, nullptr, nullptr, napi_enumerable, data},
      {"addOuter", nullptr, addOuter, nullptr, nullptr, nullptr, napi_enumerable, data},
      {"stepRows", nullptr, stepRows, nullptr, nullptr, nullptr, napi_enumerable, data},
      {"multiplySymmetric", nullptr, multiplySymmetric, nullptr, nullptr, nullptr, napi_enumerable, data},
      {"addSymmetricOuters", nullptr, addSymmetricOuters, nullptr, nullptr, nullptr, napi_enumerable, data},
      {"softmaxLoss", nullptr, softmaxLoss, nullptr, nullptr, nullptr, napi_enumerable, data},
  };
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_define_properties(env, object, sizeof properties / sizeof *properties, properties) != napi_ok) {
    return throwError(env, "arithmetic: JavaScript gives no object for it");
  }
  return object;
}

}  // namespace headwater
