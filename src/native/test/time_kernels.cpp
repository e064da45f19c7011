// Times each kernel alone on one core, on the shapes of ResNet-50 and MobileNetV1 and of a head, against the core's peak of multiply-adds. `npm run bench:kernels`
// builds and runs it: [avx512|avx2|neon|scalar], or all that this machine has.
#include "../isa.h"
#include "fma_peak.h"
#include "time_arithmetic.h"
#include "time_convolutions.h"

namespace headwater::test {
namespace {

double bytesOf(const View& view) { return 64.0 * view.channels * view.rows * view.columns; }

void timeInput(const Bench& bench, bool areBytes) {
  Random random(1);
  const View output = {3 * 62 * 3 + 3, 3 * 62, 62, 3, 56, 56};
  Arena arena(random, 64 * 64 * 3 * kLanes);
  AlignedFloats floats(3 * 224 * 224), normalise(3 * 256);
  floats.fill(random);
  normalise.fill(random);
  std::vector<uint8_t> bytes(224 * 224 * 3);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  Frame frame = arena.frame();
  frame.normalise = normalise.data();
  if (areBytes) frame.pixels = bytes.data();
  frame.input = floats.data();
  const InputStep step = {output, {4, 4}, 3, 3, 2, 2, 3, 224, 224};
  timeStep(bench, areBytes ? "input 224x224 bytes" : "input 224x224 floats", bench.kernels.input, step, frame, {0, 3 * 61 * 61 * 64.0});
}

/** The halo of one pixel around a tile: entries of one term, two where two neighbours meet. */
void timeHalo(const Bench& bench, int channels, int tile) {
  Random random(1);
  Layout layout(random);
  const View view = layout.view(channels, tile, tile, {1, 1, 1, 1});
  Arena arena(random, layout.floats());
  std::vector<std::array<int32_t, 3>> entries;
  std::vector<std::array<int32_t, 2>> terms;
  std::vector<std::array<int32_t, kLanes>> permutations;
  for (int i = 0; i < 8; i++) {
    permutations.emplace_back();
    for (int lane = 0; lane < kLanes; lane++) permutations.back()[lane] = (lane + i) % 4 == 0 ? -1 : (lane + 5 * i) % kLanes;
  }
  for (int row = -1; row <= tile; row++) {
    for (int column = -1; column <= tile; column++) {
      const bool isEdge = row < 0 || row == tile, isSide = column < 0 || column == tile;
      if (!isEdge && !isSide) continue;
      entries.push_back({static_cast<int32_t>(row * view.rowPitch + column), static_cast<int32_t>(terms.size()), 1});
      const int from = row < 0 ? tile - 1 : row == tile ? 0 : row, side = column < 0 ? tile - 1 : column == tile ? 0 : column;
      terms.push_back({static_cast<int32_t>(from * view.rowPitch + side), random.below(8)});
    }
  }
  const ShuffleStep step = {view,
                            view,
                            0,
                            static_cast<int>(entries.size()),
                            reinterpret_cast<const int32_t (*)[3]>(entries.data()),
                            reinterpret_cast<const int32_t (*)[2]>(terms.data()),
                            reinterpret_cast<const int32_t (*)[kLanes]>(permutations.data())};
  timeStep(bench, text("halo %d channels, tiles of %dx%d", channels, tile, tile), bench.kernels.shuffle, step, arena.frame(),
           {0, 128.0 * channels * entries.size()});
}

void timeDepthwise(const Bench& bench, int channels, int tile, int stride, int kernel = 3) {
  Random random(1);
  Layout layout(random);
  const Window window = {{stride, stride}, {kernel, kernel}, {1, 1}};
  const View input = layout.view(channels, window.inputRows(tile), window.inputColumns(tile));
  const View output = layout.view(channels, tile, tile);
  Arena arena(random, layout.floats());
  AlignedFloats weights(channels * kernel * kernel), bias(channels);
  weights.fill(random);
  bias.fill(random);
  const DepthwiseStep step = {input, output, window.strides, window.kernel, window.dilations, {ActivationKind::clip, 0, 6}, weights.data(), bias.data()};
  timeStep(bench, text("depthwise %dx%d/%d %d channels, tiles of %dx%d", kernel, kernel, stride, channels, tile, tile), bench.kernels.depthwise,
           step, arena.frame(), {bytesOf(output) / 4 * 2 * kernel * kernel, bytesOf(input) + bytesOf(output)});
}

void timePool(const Bench& bench, int channels, int tile, int kernel, int stride) {
  Random random(1);
  Layout layout(random);
  const Window window = {{stride, stride}, {kernel, kernel}, {1, 1}};
  const View input = layout.view(channels, window.inputRows(tile), window.inputColumns(tile));
  const View output = layout.view(channels, tile, tile);
  Arena arena(random, layout.floats());
  const PoolStep step = {input, output, window.strides, window.kernel, window.dilations, false, nullptr};
  timeStep(bench, text("pool %dx%d/%d %d channels, tiles of %dx%d", kernel, kernel, stride, channels, tile, tile), bench.kernels.pool, step,
           arena.frame(), {0, bytesOf(input) + bytesOf(output)});
}

void timeBinary(const Bench& bench, int channels, int tile) {
  Random random(1);
  Layout layout(random);
  const View left = layout.view(channels, tile, tile), right = layout.view(channels, tile, tile), sum = layout.view(channels, tile, tile);
  Arena arena(random, layout.floats());
  const BinaryStep step = {BinaryOperator::add, left, right, sum, -1, {ActivationKind::relu, 0, 0}};
  timeStep(bench, text("binary %d channels, tiles of %dx%d", channels, tile, tile), bench.kernels.binary, step, arena.frame(), {0, 3 * bytesOf(left)});
  const PointwiseStep sigmoid = {left, right, nullptr, nullptr, {ActivationKind::silu, 0, 0}};
  timeStep(bench, text("silu %d channels, tiles of %dx%d", channels, tile, tile), bench.kernels.pointwise, sigmoid, arena.frame(), {0, 2 * bytesOf(left)});
}

void timeEnd(const Bench& bench) {
  Random random(1);
  Layout layout(random);
  const View view = layout.view(2048, 2, 2);
  const int64_t mean = layout.plain(2048), logits = layout.plain(1000);
  Arena arena(random, layout.floats());
  const std::vector<int32_t> masks = {0xffff, 0x7777, 0x0fff, 0x0777};
  const GlobalAverageStep average = {view, mean, masks.data(), 49};
  timeStep(bench, "globalAverage 2048 channels, tiles of 2x2", bench.kernels.globalAverage, average, arena.frame(), {0, bytesOf(view)});
  AlignedFloats weights(2048 * 1008), bias(1008);
  weights.fill(random);
  bias.fill(random);
  const DenseLinearStep linear = {mean, logits, 2048, 1000, {ActivationKind::none, 0, 0}, weights.data(), bias.data()};
  timeStep(bench, "denseLinear 2048 to 1000", bench.kernels.denseLinear, linear, arena.frame(), {2.0 * 2048 * 1000, 4.0 * 2048 * 1008});
  std::vector<int32_t> starts = {0}, indices;
  for (int i = 0; i < 1000; i++) {
    for (int k = 0; k < 205; k++) indices.push_back(k * 10 + random.below(8));
    starts.push_back(static_cast<int32_t>(indices.size()));
  }
  const SparseLinearStep sparse = {mean, logits, 2048, 1000, {ActivationKind::none, 0, 0}, starts.data(), indices.data(), weights.data(), bias.data()};
  timeStep(bench, "sparseLinear 2048 to 1000, 90 %", bench.kernels.sparseLinear, sparse, arena.frame(), {2.0 * indices.size(), 8.0 * indices.size()});
  const SoftmaxStep softmax = {logits, logits, 1, 1000, 1};
  timeStep(bench, "softmax 1000", bench.kernels.softmax, softmax, arena.frame(), {0, 8000});
}

void timeKernels(const Bench& bench) {
  std::printf("%s: peak of one core %.1f GFLOP/s\n", bench.kernels.isa, bench.peak);
  timeConvolutions(bench);
  timeInput(bench, false);
  timeInput(bench, true);
  for (const auto [channels, tile] : {Pair{64, 14}, {128, 7}, {256, 4}, {512, 2}, {128, 28}}) timeHalo(bench, channels, tile);
  timeDepthwise(bench, 32, 28, 1);
  timeDepthwise(bench, 64, 14, 2);
  timeDepthwise(bench, 128, 14, 1);
  timeDepthwise(bench, 128, 7, 2);
  timeDepthwise(bench, 256, 7, 1);
  timeDepthwise(bench, 256, 4, 2);
  timeDepthwise(bench, 512, 4, 1);
  timeDepthwise(bench, 512, 2, 2);
  timeDepthwise(bench, 1024, 2, 1);
  timeDepthwise(bench, 128, 7, 1, 5);
  timePool(bench, 64, 14, 3, 2);
  timePool(bench, 64, 28, 2, 2);
  timeBinary(bench, 256, 14);
  timeEnd(bench);
  timeArithmetic(bench);
}

double peakOf(const std::string& isa) {
#if defined(__x86_64__)
  if (isa == "avx512") return fmaPeakAvx512();
  if (isa == "avx2") return fmaPeakAvx2();
#elif defined(__aarch64__)
  if (isa == "neon") return fmaPeakNeon();
#endif
  return fmaPeakScalar();
}

}  // namespace
}  // namespace headwater::test

int main(int count, char** arguments) {
  using namespace headwater;
  std::printf("Medians of runs, all data in the caches as far as they hold it. Useful operations only: no zero weights, no empty lanes (at 14x14 and\n"
              "7x7 every eighth and every fourth is empty); Winograd's count as those of the plain convolution.\n");
  int timed = 0;
  for (const Kernels* kernels : usableKernels()) {
    if (count > 1 && std::string(arguments[1]) != kernels->isa) continue;
    test::timeKernels({*kernels, test::peakOf(kernels->isa)});
    timed++;
  }
  if (timed == 0) std::fprintf(stderr, "this machine has no instruction set %s\n", arguments[1]);
  return timed == 0 ? 1 : 0;
}
