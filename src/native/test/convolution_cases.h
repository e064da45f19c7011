// The two convolutions: packed as plan.ts says, compared with the sum over all taps.
#pragma once

#include <algorithm>
#include <array>

#include "activations.h"
#include "views.h"

namespace headwater::test {

/** A convolution before it is packed: weights [filters][channels][kernel rows][kernel columns], many of them zero. */
struct ConvolutionCase {
  Window window;
  View input, output, residual;
  bool hasResidual;
  Activation activation;
  std::vector<float> weights, bias;
  int64_t floats;

  float weight(int filter, int channel, int y, int x) const {
    return weights[((filter * input.channels + channel) * window.kernel.rows + y) * window.kernel.columns + x];
  }
  std::string describe() const {
    return test::describe(output, window) + text(", %d channels%s, ", input.channels, hasResidual ? ", residual" : "") +
           test::describe(activation);
  }
};

inline ConvolutionCase makeConvolution(Random& random, int rows, int columns, const Window& window, double density) {
  ConvolutionCase c;
  c.window = window;
  const int channels = random.between(1, 6), filters = random.between(1, 10);
  Layout layout(random);
  c.input = layout.view(channels, window.inputRows(rows), window.inputColumns(columns));
  c.output = layout.view(filters, rows, columns);
  c.hasResidual = random.chance(0.5);
  const bool inPlace = c.hasResidual && random.chance(0.3);
  c.residual = inPlace ? c.output : c.hasResidual ? layout.view(filters, rows, columns) : View{};
  c.activation = random.of(allActivations());
  const int taps = filters * channels * window.kernel.rows * window.kernel.columns;
  for (int i = 0; i < taps; i++) c.weights.push_back(random.chance(density) ? random.value() : 0);
  for (int i = 0; i < filters; i++) c.bias.push_back(random.value());
  c.floats = layout.floats();
  return c;
}

inline void expectConvolution(const ConvolutionCase& c, Arena& arena) {
  const Window& w = c.window;
  const double rounding = 6e-8 * (c.input.channels * w.kernel.rows * w.kernel.columns + 3);
  forEachFloat(c.output, [&](int filter, int row, int column, int lane) {
    double sum = c.bias[filter], size = std::fabs(sum);
    for (int channel = 0; channel < c.input.channels; channel++) {
      for (int y = 0; y < w.kernel.rows; y++) {
        for (int x = 0; x < w.kernel.columns; x++) {
          const float weight = c.weight(filter, channel, y, x);
          if (weight == 0) continue;
          const int inputRow = row * w.strides.rows + y * w.dilations.rows;
          const int inputColumn = column * w.strides.columns + x * w.dilations.columns;
          const double product = double{weight} * arena.before[at(c.input, channel, inputRow, inputColumn, lane)];
          sum += product;
          size += std::fabs(product);
        }
      }
    }
    const double residual = c.hasResidual ? arena.before[at(c.residual, filter, row, column, lane)] : 0;
    const double y = activated(c.activation, sum + residual);
    arena.expect(at(c.output, filter, row, column, lane), y,
                 activatedTolerance(y, rounding * (size + std::fabs(residual))));
  });
}

/** SparseConvStep's constants. */
struct SparsePacking {
  std::vector<int32_t> bases;
  std::vector<std::array<int32_t, 2>> starts;
  std::vector<std::array<uint16_t, 2>> rows;
  std::vector<uint16_t> offsets;
  std::vector<float> values;
};

/** [0, length) cut into `parts`, some of which may be empty. */
inline std::vector<int> cuts(Random& random, int length, int parts) {
  std::vector<int> ends = {0, length};
  for (int i = 1; i < parts; i++) ends.push_back(random.between(0, length));
  std::sort(ends.begin(), ends.end());
  return ends;
}

/** One filter's non-zeros in the channels [begin, end). Returns how many. */
inline int packFilter(const ConvolutionCase& c, int filter, int begin, int end, SparsePacking& packing) {
  int count = 0;
  for (int channel = begin; channel < end; channel++) {
    for (int y = 0; y < c.window.kernel.rows; y++) {
      for (int x = 0; x < c.window.kernel.columns; x++) {
        if (c.weight(filter, channel, y, x) == 0) continue;
        const int64_t offset = (channel - begin) * c.input.channelPitch + y * c.window.dilations.rows * c.input.rowPitch +
                               x * c.window.dilations.columns;
        packing.offsets.push_back(static_cast<uint16_t>(offset));
        packing.values.push_back(c.weight(filter, channel, y, x));
        count++;
      }
    }
  }
  return count;
}

inline SparsePacking packSparse(Random& random, const ConvolutionCase& c, int blocks, int stripes) {
  SparsePacking packing;
  const std::vector<int> channels = cuts(random, c.input.channels, blocks), filterEnds = cuts(random, c.output.channels, stripes);
  std::vector<int> filters;
  for (int i = 0; i < c.output.channels; i++) filters.push_back(i);
  random.shuffle(filters);
  for (int block = 0; block < blocks; block++) {
    packing.bases.push_back(static_cast<int32_t>(channels[block] * c.input.channelPitch));
    for (int stripe = 0; stripe < stripes; stripe++) {
      packing.starts.push_back({static_cast<int32_t>(packing.rows.size()), static_cast<int32_t>(packing.values.size())});
      for (int i = filterEnds[stripe]; i < filterEnds[stripe + 1]; i++) {
        const int count = packFilter(c, filters[i], channels[block], channels[block + 1], packing);
        packing.rows.push_back({static_cast<uint16_t>(filters[i]), static_cast<uint16_t>(count)});
      }
    }
  }
  packing.starts.push_back({static_cast<int32_t>(packing.rows.size()), static_cast<int32_t>(packing.values.size())});
  packing.offsets.resize(packing.offsets.size() + 8);
  packing.values.resize(packing.values.size() + 8);
  packing.offsets.shrink_to_fit();
  packing.values.shrink_to_fit();
  return packing;
}

inline void checkSparse(Suite& suite, const ConvolutionCase& c) {
  Arena arena(suite.random, c.floats);
  expectConvolution(c, arena);
  const int blocks = suite.random.between(1, 3), stripes = suite.random.between(1, 4);
  const int parts = suite.random.between(columnParts(c.output), c.output.columns);
  const SparsePacking packing = packSparse(suite.random, c, blocks, stripes);
  const SparseConvStep step = {c.input,
                               c.output,
                               c.residual,
                               c.hasResidual,
                               c.window.strides,
                               c.activation,
                               blocks,
                               stripes,
                               parts,
                               c.bias.data(),
                               packing.bases.data(),
                               reinterpret_cast<const int32_t (*)[2]>(packing.starts.data()),
                               reinterpret_cast<const uint16_t (*)[2]>(packing.rows.data()),
                               packing.offsets.data(),
                               packing.values.data()};
  suite.check("sparseConv", suite.kernels.sparseConv, step, arena.frame(), arena,
              c.describe() + text(", %d blocks, %d stripes, %d parts", blocks, stripes, parts));
}

inline void checkDense(Suite& suite, const ConvolutionCase& c) {
  Arena arena(suite.random, c.floats);
  expectConvolution(c, arena);
  const int blocks = (c.output.channels + 3) / 4, taps = c.input.channels * c.window.kernel.rows * c.window.kernel.columns;
  AlignedFloats weights(blocks * taps * 4), bias(blocks * 4);
  for (int filter = 0; filter < blocks * 4; filter++) {
    const bool exists = filter < c.output.channels;
    bias[filter] = exists ? c.bias[filter] : 0;
    for (int tap = 0; tap < taps; tap++) {
      weights[(filter / 4 * taps + tap) * 4 + filter % 4] = exists ? c.weights[filter * taps + tap] : 0;
    }
  }
  const DenseConvStep step = {c.input,         c.output,           c.residual,   c.hasResidual,  c.window.strides, c.window.kernel,
                              c.window.dilations, c.activation, weights.data(), bias.data()};
  suite.check("denseConv", suite.kernels.denseConv, step, arena.frame(), arena, c.describe());
}

inline void convolutionCases(Suite& suite) {
  Random& random = suite.random;
  static const std::vector<double> densities = {0, 0.1, 0.3, 0.6, 1};
  int kernel = 0;
  for (const int columns : tileColumns()) {
    for (int rows = 1; rows <= 4; rows++) {
      for (int stride = 1; stride <= 3; stride++, kernel++) {
        // Every size from 1 to 7 comes with every stride; 1x1 and 3x3 every other time.
        const Pair size = kernel % 4 == 0   ? Pair{1, 1}
                          : kernel % 4 == 2 ? Pair{3, 3}
                                            : Pair{1 + kernel % 7, random.between(1, 7)};
        const Window window = {{random.between(1, 3), stride}, size, {random.between(1, 2), random.between(1, 2)}};
        checkSparse(suite, makeConvolution(random, rows, columns, window, random.of(densities)));
        checkDense(suite, makeConvolution(random, rows, columns, window, 1));
      }
    }
  }
}

}  // namespace headwater::test
