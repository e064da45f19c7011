#include "plan.h"

#include <cstring>
#include <utility>

#include "decode.h"

namespace headwater {

namespace {

// As in encode.ts. Says that words are a plan at all, of this order of fields. That an old addon runs no new plan, load.ts sees to by
// comparing the digest of all sources.
constexpr int32_t kMagic = 0x48575033;
constexpr size_t kHeaderWords = 8;

constexpr const char* kStepNames[] = {
    "input",         "shuffle",   "sparseConv",     "denseConv",   "winogradInput", "winogradConv", "depthwise", "pool",        "pointwise", "binary",
    "globalAverage", "toPlain",   "fromPlain",      "plainCopy",   "plainFill", "plainPointwise", "plainBinary",
    "softmax",       "denseLinear", "sparseLinear"};
constexpr size_t kStepKinds = std::variant_size_v<Step>;
static_assert(sizeof kStepNames / sizeof *kStepNames == kStepKinds, "every kind has a name");

template <size_t kind = 0>
Step emptyStep(size_t wanted) {
  if constexpr (kind + 1 < kStepKinds) {
    if (wanted != kind) return emptyStep<kind + 1>(wanted);
  }
  return std::variant_alternative_t<kind, Step>{};
}

std::string readHeader(const int32_t* words, size_t wordCount, Plan& plan) {
  if (wordCount < kHeaderWords || words[0] != kMagic) return "plan: not made by this version's encodePlan";
  PlanReader reader(words + 1, kHeaderWords - 1, plan);
  plan.channels = reader.integer("input channels", 1, 1 << 16);
  plan.height = reader.integer("input height", 1, 1 << 16);
  plan.width = reader.integer("input width", 1, 1 << 16);
  plan.arenaVectors = reader.integer("arenaVectors", 1, kMostVectors - 1);
  plan.outputLength = reader.integer("output length", 1, reader.floats());
  plan.outputOffset = reader.plain("output offset", plan.outputLength);
  return reader.ok() ? "" : "plan: " + reader.error();
}

std::string readSteps(const int32_t* words, size_t wordCount, Plan& plan) {
  const size_t steps = static_cast<size_t>(words[kHeaderWords - 1]);
  size_t at = kHeaderWords;
  // A step takes two words at least, so a wrong count can't reserve more than the words allow.
  if (words[kHeaderWords - 1] < 1 || steps > (wordCount - at) / 2) return "plan: has another number of steps than it says";
  plan.steps.reserve(steps);
  for (size_t i = 0; i < steps; i++) {
    const std::string where = "plan: step " + std::to_string(i);
    if (wordCount - at < 2) return where + ": is missing";
    const auto kind = static_cast<uint32_t>(words[at]);
    const auto length = static_cast<uint32_t>(words[at + 1]);
    at += 2;
    if (kind >= kStepKinds) return where + ": has no known kind: " + std::to_string(kind);
    if (length > wordCount - at) return where + " (" + kStepNames[kind] + "): has fewer words than it says";
    PlanReader reader(words + at, length, plan);
    plan.steps.push_back(emptyStep(kind));
    std::visit([&reader](auto& step) { decode(reader, step); }, plan.steps.back());
    reader.end();
    if (!reader.ok()) return where + " (" + kStepNames[kind] + "): " + reader.error();
    at += length;
  }
  return at == wordCount ? "" : "plan: has words behind its last step";
}

}  // namespace

std::string loadPlan(const int32_t* words, size_t wordCount, const uint8_t* constants, size_t constantBytes, Plan& plan) {
  std::string error = readHeader(words, wordCount, plan);
  if (!error.empty()) return error;
  plan.constants = Memory(constantBytes);
  if (plan.constants.data() == nullptr) return "plan: no memory for its constants";
  if (constantBytes > 0) std::memcpy(plan.constants.data(), constants, constantBytes);
  return readSteps(words, wordCount, plan);
}

}  // namespace headwater
