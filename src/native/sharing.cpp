#include "sharing.h"

#include <algorithm>

#include "kernels/units.h"

namespace headwater {

namespace {

// Several a thread, so that one which is late or interrupted leaves its share to others.
constexpr int kChunksPerThread = 4;
// About two microseconds: a hand-over between cores takes some tenths of one.
constexpr double kSmallestChunk = 8000;

double vectors(const View& v) { return double(v.channels) * v.rows * v.columns; }
double pixels(const View& v) { return double(v.rows) * v.columns; }
double taps(const Pair& kernel) { return double(kernel.rows) * kernel.columns; }

double elements(int axes, const int* dims) {
  double product = 1;
  for (int i = 0; i < axes; i++) product *= dims[i];
  return product;
}

// Operations on a vector, roughly; moving single floats counts as much as a vector.
double work(const InputStep& s) { return 4 * vectors(s.output); }
double work(const ShuffleStep& s) { return 4.0 * s.entryCount * s.output.channels; }
double work(const SparseConvStep& s) {
  return double(s.starts[int64_t{s.blocks} * s.stripes][1]) * pixels(s.output) + 2 * vectors(s.output);
}
double work(const DenseConvStep& s) { return vectors(s.output) * s.input.channels * taps(s.kernel); }
double work(const WinogradInputStep& s) {
  return double(s.input.rows) * s.input.channels * s.phases * s.groups * s.points * (s.points + 2);
}
double work(const WinogradConvStep& s) {
  return double(s.output.rows) * s.output.channels * s.groups * s.points * (double(s.kernelRows) * s.channels + kGroupColumns);
}
double work(const DepthwiseStep& s) { return 2 * vectors(s.output) * taps(s.kernel); }
double work(const PoolStep& s) { return 2 * vectors(s.output) * taps(s.kernel); }
double work(const PointwiseStep& s) { return 4 * vectors(s.output); }
double work(const BinaryStep& s) { return 4 * vectors(s.output); }
double work(const GlobalAverageStep& s) { return 4 * vectors(s.input); }
double work(const ToPlainStep& s) { return double(s.input.channels) * s.height * s.width; }
double work(const FromPlainStep& s) { return double(s.output.channels) * s.height * s.width; }
double work(const PlainCopyStep& s) { return elements(s.axes, s.dims); }
double work(const PlainFillStep&) { return 0; }
double work(const PlainPointwiseStep& s) { return double(s.channels) * s.inner; }
double work(const PlainBinaryStep& s) { return elements(s.axes, s.dims); }
double work(const SoftmaxStep& s) { return 4.0 * s.outer * s.length * s.inner; }
double work(const DenseLinearStep& s) { return double(s.inputs) * s.outputs / kLanes; }
double work(const SparseLinearStep& s) { return s.starts[s.outputs]; }

}  // namespace

int unitsOf(const Step& step) {
  return std::visit([](const auto& s) { return units(s); }, step);
}

int chunkUnits(const Step& step, int threads) {
  const int units = unitsOf(step);
  const double total = std::visit([](const auto& s) { return work(s); }, step);
  const int chunks = static_cast<int>(std::min<double>(total / kSmallestChunk, threads * kChunksPerThread));
  return threads == 1 || chunks < 2 ? units : (units + chunks - 1) / chunks;
}

}  // namespace headwater
