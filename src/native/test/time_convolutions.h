// Convolutions of ResNet-50 as the planner would have them run: dense, dense by Winograd's filtering, and sparse. Tiles, blocks and
// stripes follow src/engine/plan (chooseTiling, tuning.ts, emit/convolution.ts) as it was when this was written; only speed depends on them.
#pragma once

#include <array>
#include <cmath>

#include "timing.h"
#include "views.h"

namespace headwater::test {

/** A convolution with as many filters as its name says, its output being an image of size x size in tiles of rows x columns. */
struct Layer {
  int size, rows, columns;
  int channels, filters;
  int kernel, stride;

  double products() const { return double(size) * size * filters * channels * kernel * kernel; }
  std::string name() const { return text("%dx%d%s %dx%d %d to %d", kernel, kernel, stride == 2 ? "/2" : "", size, size, channels, filters); }
};

/** ResNet-50's first layer, and its 3x3 and 1x1 layers by size of image. */
inline std::vector<Layer> resnetLayers(int kernel) {
  if (kernel == 7) return {{112, 28, 28, 3, 64, 7, 2}};
  const std::array<std::array<int, 3>, 4> tiles = {{{56, 14, 14}, {28, 7, 7}, {14, 2, 7}, {7, 1, 4}}};
  std::vector<Layer> layers;
  for (int i = 0; i < 4; i++) {
    const auto [size, rows, columns] = tiles[i];
    const int narrow = 64 << i;
    if (kernel == 3) layers.push_back({size, rows, columns, narrow, narrow, 3, 1});
    else layers.insert(layers.end(), {{size, rows, columns, 4 * narrow, narrow, 1, 1}, {size, rows, columns, narrow, 4 * narrow, 1, 1}});
  }
  return layers;
}

/** Input with its halo, output and arena of a layer. */
struct LayerMemory {
  View input, output;
  int64_t vectors = 0;

  explicit LayerMemory(const Layer& layer) {
    const int reached = (layer.columns - 1) * layer.stride + layer.kernel;
    input = view(layer.channels, (layer.rows - 1) * layer.stride + layer.kernel, reached);
    output = view(layer.filters, layer.rows, layer.columns);
  }

  /** As tilesWithHalo: no pitch is a multiple of 4, which would leave sets of the L1 cache unused. */
  View view(int channels, int rows, int columns) {
    const int channelPitch = columns % 4 == 0 ? columns + 1 : columns;
    const View v = {vectors, int64_t{channels} * channelPitch, channelPitch, channels, rows, columns};
    vectors += rows * v.rowPitch;
    return v;
  }
};

inline void timeDense(const Bench& bench, const Layer& layer) {
  Random random(1);
  LayerMemory memory(layer);
  Arena arena(random, memory.vectors * kLanes);
  AlignedFloats weights(size_t(layer.filters) * layer.channels * layer.kernel * layer.kernel), bias(layer.filters);
  weights.fill(random);
  bias.fill(random);
  const Pair strides = {layer.stride, layer.stride}, kernel = {layer.kernel, layer.kernel};
  const DenseConvStep step = {memory.input, memory.output, View{}, false, strides, kernel, {1, 1}, {ActivationKind::relu, 0, 0},
                              weights.data(), bias.data()};
  timeStep(bench, "dense " + layer.name(), bench.kernels.denseConv, step, arena.frame(), {2 * layer.products()});
}

/** Both steps. The products that a plain convolution needs are counted: more than the peak is possible. */
inline void timeWinograd(const Bench& bench, const Layer& layer) {
  Random random(1);
  LayerMemory memory(layer);
  const int phases = layer.stride, taps = (layer.kernel + phases - 1) / phases, points = taps + kGroupColumns - 1;
  const int groups = (layer.columns + kGroupColumns - 1) / kGroupColumns, channels = layer.channels * phases;
  const int64_t transformed = memory.vectors;
  memory.vectors += int64_t{memory.input.rows} * channels * points * groups;
  Arena arena(random, memory.vectors * kLanes);
  AlignedFloats weights(size_t(layer.filters) * points * layer.kernel * channels), bias(layer.filters), tables(points * points);
  weights.fill(random);
  bias.fill(random);
  tables.fill(random);
  const WinogradInputStep first = {memory.input, transformed, phases, groups, points, tables.data()};
  const WinogradConvStep second = {transformed,  channels, memory.output, View{}, false,          {ActivationKind::relu, 0, 0},
                                   layer.stride, layer.kernel, groups,    points, weights.data(), bias.data(), tables.data()};
  const Frame frame = arena.frame();
  timeRuns(bench, "dense, Winograd " + layer.name(), {2 * layer.products()}, [&] {
    bench.kernels.winogradInput(first, frame, 0, units(first));
    bench.kernels.winogradConv(second, frame, 0, units(second));
  });
}

/** How the planner cuts a sparse convolution. */
struct SparseCuts {
  int blockChannels, stripes, parts;

  SparseCuts(const Layer& layer, double density) {
    const bool isPointwise = layer.kernel == 1;
    parts = (layer.columns + kMostColumns - 1) / kMostColumns;
    const double listBytes = 6 * density * layer.channels * layer.filters;
    const bool isLarge = layer.channels * ((layer.columns + parts - 1) / parts) > 640;
    if (isPointwise && isLarge && listBytes <= 96 * 1024) parts = (layer.columns + 3) / 4;
    const int columns = (layer.columns + parts - 1) / parts;
    const int touched = layer.kernel * std::min((columns - 1) * layer.stride + layer.kernel, columns * layer.kernel);
    blockChannels = std::min(layer.channels, std::max(4, (isPointwise ? 640 : 448) / touched));
    stripes = std::min(8, (layer.filters + 15) / 16);
  }
};

inline void timeSparse(const Bench& bench, const Layer& layer, double density) {
  Random random(1);
  LayerMemory memory(layer);
  const SparseCuts cuts(layer, density);
  const int blocks = (layer.channels + cuts.blockChannels - 1) / cuts.blockChannels;
  std::vector<int32_t> bases;
  std::vector<std::array<int32_t, 2>> starts;
  std::vector<std::array<uint16_t, 2>> rows;
  std::vector<uint16_t> offsets;
  std::vector<float> values;
  for (int block = 0; block < blocks; block++) {
    const int begin = layer.channels * block / blocks, end = layer.channels * (block + 1) / blocks;
    bases.push_back(static_cast<int32_t>(begin * memory.input.channelPitch));
    for (int filter = 0; filter < layer.filters; filter++) {
      if (filter == layer.filters * static_cast<int>(starts.size() - block * cuts.stripes) / cuts.stripes) {
        starts.push_back({static_cast<int32_t>(rows.size()), static_cast<int32_t>(values.size())});
      }
      const size_t before = values.size();
      for (int channel = begin; channel < end; channel++) {
        for (int tap = 0; tap < layer.kernel * layer.kernel; tap++) {
          if (!random.chance(density)) continue;
          const int64_t y = tap / layer.kernel, x = tap % layer.kernel;
          offsets.push_back(static_cast<uint16_t>((channel - begin) * memory.input.channelPitch + y * memory.input.rowPitch + x));
          values.push_back(random.value());
        }
      }
      rows.push_back({static_cast<uint16_t>(filter), static_cast<uint16_t>(values.size() - before)});
    }
  }
  starts.push_back({static_cast<int32_t>(rows.size()), static_cast<int32_t>(values.size())});
  const double flops = 2.0 * layer.size * layer.size * values.size();
  offsets.resize(offsets.size() + 8);
  values.resize(values.size() + 8);
  Arena arena(random, memory.vectors * kLanes);
  AlignedFloats bias(layer.filters);
  bias.fill(random);
  const SparseConvStep step = {memory.input,
                               memory.output,
                               View{},
                               false,
                               {layer.stride, layer.stride},
                               {ActivationKind::relu, 0, 0},
                               blocks,
                               cuts.stripes,
                               cuts.parts,
                               bias.data(),
                               bases.data(),
                               reinterpret_cast<const int32_t (*)[2]>(starts.data()),
                               reinterpret_cast<const uint16_t (*)[2]>(rows.data()),
                               offsets.data(),
                               values.data()};
  timeStep(bench, text("sparse %.0f %% ", 100 * (1 - density)) + layer.name(), bench.kernels.sparseConv, step, arena.frame(), {flops});
}

inline void timeConvolutions(const Bench& bench) {
  for (const int kernel : {7, 3, 1}) {
    for (const Layer& layer : resnetLayers(kernel)) timeDense(bench, layer);
  }
  for (const int kernel : {7, 3}) {
    for (const Layer& layer : resnetLayers(kernel)) timeWinograd(bench, layer);
  }
  for (const double density : {0.2, 0.1, 0.05}) {
    for (const int kernel : {3, 1}) {
      for (const Layer& layer : resnetLayers(kernel)) timeSparse(bench, layer, density);
    }
  }
}

}  // namespace headwater::test
