#include "executor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sharing.h"

namespace headwater {

namespace {

using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

/**
 * Of `images`, how many are run whole. Those left over would keep only some of the threads busy: sharing their steps is quicker, as long as
 * they are fewer than about three quarters of the threads, since sharing never gives its full gain.
 */
int wholeImages(int images, int threads) {
  if (threads == 0) return 0;
  const int left = images % threads;
  return 4 * left >= 3 * threads ? images : images - left;
}

// One overload a kind: which kernel of the table runs it.
Kernel<InputStep> kernelOf(const Kernels& k, const InputStep&) { return k.input; }
Kernel<ShuffleStep> kernelOf(const Kernels& k, const ShuffleStep&) { return k.shuffle; }
Kernel<SparseConvStep> kernelOf(const Kernels& k, const SparseConvStep&) { return k.sparseConv; }
Kernel<DenseConvStep> kernelOf(const Kernels& k, const DenseConvStep&) { return k.denseConv; }
Kernel<WinogradInputStep> kernelOf(const Kernels& k, const WinogradInputStep&) { return k.winogradInput; }
Kernel<WinogradConvStep> kernelOf(const Kernels& k, const WinogradConvStep&) { return k.winogradConv; }
Kernel<DepthwiseStep> kernelOf(const Kernels& k, const DepthwiseStep&) { return k.depthwise; }
Kernel<PoolStep> kernelOf(const Kernels& k, const PoolStep&) { return k.pool; }
Kernel<PointwiseStep> kernelOf(const Kernels& k, const PointwiseStep&) { return k.pointwise; }
Kernel<BinaryStep> kernelOf(const Kernels& k, const BinaryStep&) { return k.binary; }
Kernel<GlobalAverageStep> kernelOf(const Kernels& k, const GlobalAverageStep&) { return k.globalAverage; }
Kernel<ToPlainStep> kernelOf(const Kernels& k, const ToPlainStep&) { return k.toPlain; }
Kernel<FromPlainStep> kernelOf(const Kernels& k, const FromPlainStep&) { return k.fromPlain; }
Kernel<PlainCopyStep> kernelOf(const Kernels& k, const PlainCopyStep&) { return k.plainCopy; }
Kernel<PlainFillStep> kernelOf(const Kernels& k, const PlainFillStep&) { return k.plainFill; }
Kernel<PlainPointwiseStep> kernelOf(const Kernels& k, const PlainPointwiseStep&) { return k.plainPointwise; }
Kernel<PlainBinaryStep> kernelOf(const Kernels& k, const PlainBinaryStep&) { return k.plainBinary; }
Kernel<SoftmaxStep> kernelOf(const Kernels& k, const SoftmaxStep&) { return k.softmax; }
Kernel<DenseLinearStep> kernelOf(const Kernels& k, const DenseLinearStep&) { return k.denseLinear; }
Kernel<SparseLinearStep> kernelOf(const Kernels& k, const SparseLinearStep&) { return k.sparseLinear; }

}  // namespace

int wholeThreads(int threads, size_t arenaBytes) {
  const size_t arenas = kMostArenaBytes / std::max<size_t>(arenaBytes, 1);
  if (arenas >= static_cast<size_t>(threads)) return threads;
  return 2 * static_cast<int>(arenas) >= threads ? static_cast<int>(arenas) : 0;
}

Executor::Executor(Plan plan, const Kernels& kernels, Normalisation normalisation, int threads)
    : plan_(std::move(plan)), kernels_(kernels), normalisation_(std::move(normalisation)), threads_(threads),
      wholeThreads_(headwater::wholeThreads(threads, plan_.arenaBytes())), arenas_(std::max(1, wholeThreads_)),
      bytes_(plan_.constants.bytes()), pool_(threads) {
  for (const Step& step : plan_.steps) {
    units_.push_back(unitsOf(step));
    chunkUnits_.push_back(headwater::chunkUnits(step, threads));
  }
  arena(0);
}

std::string Executor::problem() const {
  const size_t mebibytes = plan_.arenaBytes() >> 20;
  if (arenas_[0].data() == nullptr) return "not enough memory for an arena of " + std::to_string(mebibytes) + " MiB";
  if (pool_.threads() < threads_) return "the system does not give " + std::to_string(threads_) + " more threads";
  return "";
}

void Executor::close() {
  pool_.stop();
  arenas_.clear();
  plan_.constants = Memory();
  bytes_.store(0);
}

void Executor::runStep(int step, const Frame& frame, int begin, int end) const {
  std::visit([&](const auto& s) { kernelOf(kernels_, s)(s, frame, begin, end); }, plan_.steps[step]);
}

float* Executor::arena(int index) {
  Memory& arena = arenas_[index];
  if (arena.data() == nullptr) {
    arena = Memory(plan_.arenaBytes());
    bytes_.fetch_add(arena.bytes());
  }
  return static_cast<float*>(arena.data());
}

Frame Executor::frame(float* arena, const Image& image) const {
  const int* channel = normalisation_.pixelChannel;
  return {arena, image.pixels, image.input, normalisation_.table.data(), {channel[0], channel[1], channel[2]}};
}

RunJob::RunJob(Executor& executor, std::vector<Image> images, float* embeddings, double* stepMicroseconds)
    : executor_(executor), images_(std::move(images)), embeddings_(embeddings), stepMicroseconds_(stepMicroseconds) {
  if (stepMicroseconds == nullptr) whole_ = wholeImages(static_cast<int>(images_.size()), executor.wholeThreads());
}

int RunJob::stages() const {
  const int left = static_cast<int>(images_.size()) - whole_;
  return (whole_ > 0 ? 1 : 0) + left * static_cast<int>(executor_.plan().steps.size());
}

RunJob::Shared RunJob::shared(int stage) const {
  const int steps = static_cast<int>(executor_.plan().steps.size());
  const int index = whole_ > 0 ? stage - 1 : stage;
  return {whole_ + index / steps, index % steps};
}

int RunJob::chunks(int stage) const {
  if (stage == 0 && whole_ > 0) return std::min(whole_, executor_.wholeThreads());
  const int step = shared(stage).step;
  return (executor_.units(step) + executor_.chunkUnits(step) - 1) / executor_.chunkUnits(step);
}

void RunJob::run(int stage, int chunk, int thread, bool stopping) {
  if (stopping) return;
  // With an arena for each thread it takes its own, which its core's caches may still hold.
  if (stage == 0 && whole_ > 0) return runWholeImages(executor_.wholeThreads() == executor_.threads() ? thread : chunk);
  const Shared at = shared(stage);
  const int begin = chunk * executor_.chunkUnits(at.step);
  const int end = std::min(begin + executor_.chunkUnits(at.step), executor_.units(at.step));
  executor_.runStep(at.step, executor_.frame(executor_.arena(0), images_[at.image]), begin, end);
}

void RunJob::runWholeImages(int arena) {
  while (!executor_.hurries()) {
    const int image = nextWhole_.fetch_add(1, std::memory_order_relaxed);
    if (image >= whole_) return;
    float* memory = executor_.arena(arena);
    if (memory == nullptr) return outOfMemory_.store(true);
    runWhole(image, memory);
  }
}

void RunJob::runWhole(int image, float* arena) {
  const Frame frame = executor_.frame(arena, images_[image]);
  const int steps = static_cast<int>(executor_.plan().steps.size());
  for (int step = 0; step < steps; step++) executor_.runStep(step, frame, 0, executor_.units(step));
  takeOutput(image, arena);
}

void RunJob::takeOutput(int image, const float* arena) {
  if (embeddings_ == nullptr) return;
  const Plan& plan = executor_.plan();
  std::memcpy(embeddings_ + image * plan.outputLength, arena + plan.outputOffset, plan.outputLength * sizeof(float));
}

void RunJob::started() { start_ = stageStart_ = Clock::now(); }

void RunJob::finished(int stage) {
  if (stage == 0 && whole_ > 0) return;
  const Shared at = shared(stage);
  const int steps = static_cast<int>(executor_.plan().steps.size());
  if (stepMicroseconds_ != nullptr) {
    const auto now = Clock::now();
    stepMicroseconds_[int64_t{at.image} * steps + at.step] = microseconds(now - stageStart_);
    stageStart_ = now;
  }
  if (at.step == steps - 1) takeOutput(at.image, executor_.arena(0));
}

double RunJob::computeMs() const { return microseconds(Clock::now() - start_) / 1000; }

}  // namespace headwater
