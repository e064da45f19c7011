// Steps over tiles, but for sparse convolution.
#include "decode.h"

namespace headwater {

void decode(PlanReader& reader, InputStep& step) {
  const Plan& plan = reader.plan();
  step.channels = plan.channels;
  step.height = plan.height;
  step.width = plan.width;
  step.output = reader.view("output");
  reader.expect(step.output.channels == plan.channels, "output has other channels than the image");
  step.grid = reader.grid(step.output, plan.height, plan.width);
  step.top = reader.integer("halo", 0, kMostImageSide);
  step.left = reader.integer("halo", 0, kMostImageSide);
  step.bottom = reader.integer("halo", 0, kMostImageSide);
  step.right = reader.integer("halo", 0, kMostImageSide);
  const View& v = step.output;
  const int64_t rows = int64_t{step.top} + v.rows + step.bottom;
  const int64_t columns = int64_t{step.left} + v.columns + step.right;
  reader.expect(rows * columns <= reader.vectors(), "halo has more vectors than the arena");
  reader.checkVectors("halo", v.offset - step.top * v.rowPitch - step.left,
                      v.offset + reach(v) + step.bottom * v.rowPitch + step.right);
}

void decode(PlanReader& reader, ShuffleStep& step) {
  step.input = reader.shape("input");
  step.output = reader.shape("output");
  reader.expect(step.input.channels == step.output.channels, "input and output have different numbers of channels");
  step.fill = reader.number("fill");
  int64_t entries, terms, permutations;
  step.entries = reader.constants<int32_t[3]>("entries", 0, &entries);
  step.terms = reader.constants<int32_t[2]>("terms", 0, &terms);
  step.permutations = reader.constants<int32_t[kLanes]>("permutations", 0, &permutations);
  step.entryCount = static_cast<int>(entries);
  if (!reader.ok()) return;

  // Channels only move up from the first: check the first and the last.
  const int64_t outputLast = (step.output.channels - 1) * step.output.channelPitch;
  const int64_t inputLast = (step.input.channels - 1) * step.input.channelPitch;
  for (int64_t i = 0; i < entries && reader.ok(); i++) {
    const int64_t destination = step.output.offset + step.entries[i][0];
    reader.checkVectors("destination", destination, destination + outputLast);
    const int64_t first = step.entries[i][1];
    const int64_t count = step.entries[i][2];
    reader.expect(first >= 0 && count >= 0 && first + count <= terms, "entry names terms that do not exist");
  }
  for (int64_t i = 0; i < terms && reader.ok(); i++) {
    const int64_t source = step.input.offset + step.terms[i][0];
    reader.checkVectors("source", source, source + inputLast);
    reader.expect(step.terms[i][1] >= 0 && step.terms[i][1] < permutations, "term names a permutation that does not exist");
  }
  for (int64_t i = 0; i < permutations && reader.ok(); i++) {
    for (const int32_t lane : step.permutations[i]) {
      reader.expect(lane >= -1 && lane < kLanes, "permutation names a lane that does not exist");
    }
  }
}

namespace {
void readResidual(PlanReader& reader, const View& output, View& residual, bool& hasResidual) {
  hasResidual = reader.integer("residual", 0, 1) == 1;
  residual = hasResidual ? reader.view("residual") : View{};
  reader.expect(!hasResidual || sameShape(residual, output), "residual has another shape than output");
}

/** Of points; more than fit the arena where the product would not fit. */
int64_t vectorsInRows(int64_t rows, int64_t channels, int64_t points, int64_t groups) {
  if (channels > kMostVectors || rows > kMostVectors / channels) return kMostVectors;
  return rows * channels > kMostVectors / (points * groups) ? kMostVectors : rows * channels * points * groups;
}
}  // namespace

namespace {
/** How a window slides over a step's input; `checkWindow` says whether all that it reads is there. */
template <typename Step>
void readWindow(PlanReader& reader, Step& step) {
  step.strides = reader.pair("strides", 1, kMostWindow);
  step.kernel = reader.pair("kernel", 1, kMostWindow);
  step.dilations = reader.pair("dilations", 1, kMostWindow);
}
}  // namespace

void decode(PlanReader& reader, DenseConvStep& step) {
  step.input = reader.shape("input");
  step.output = reader.view("output");
  readResidual(reader, step.output, step.residual, step.hasResidual);
  readWindow(reader, step);
  step.activation = reader.activation();
  reader.checkWindow(step.input, step.output, step.kernel, step.strides, step.dilations);
  const int64_t filters = (int64_t{step.output.channels} + 3) / 4 * 4;
  const int64_t taps = int64_t{step.kernel.rows} * step.kernel.columns;
  step.weights = reader.constants<float>("weights", filters * taps * step.input.channels);
  step.bias = reader.constants<float>("bias", filters);
}

void decode(PlanReader& reader, WinogradInputStep& step) {
  step.input = reader.view("input");
  step.phases = reader.integer("phases", 1, kMostWindow);
  step.groups = reader.integer("groups", 1, kMostTileSide);
  step.points = reader.integer("points", kLeastPoints, kMostPoints);
  step.output = reader.integer("output", 0, reader.vectors());
  if (!reader.ok()) return;
  const int64_t written = vectorsInRows(step.input.rows, int64_t{step.input.channels} * step.phases, step.points, step.groups);
  reader.checkVectors("output", step.output, step.output + written - 1);
  step.transform = reader.constants<float>("transform", int64_t{step.points} * step.points);
}

void decode(PlanReader& reader, WinogradConvStep& step) {
  step.output = reader.view("output");
  readResidual(reader, step.output, step.residual, step.hasResidual);
  step.activation = reader.activation();
  step.channels = reader.integer("channels", 1, kMostVectors);
  step.strideRows = reader.integer("strideRows", 1, kMostWindow);
  step.kernelRows = reader.integer("kernelRows", 1, kMostWindow);
  step.groups = reader.integer("groups", 1, kMostTileSide);
  step.points = reader.integer("points", kLeastPoints, kMostPoints);
  step.input = reader.integer("input", 0, reader.vectors());
  reader.expect(step.groups == (step.output.columns + kGroupColumns - 1) / kGroupColumns, "groups do not hold output's columns");
  if (!reader.ok()) return;
  const int64_t rows = int64_t{step.output.rows - 1} * step.strideRows + step.kernelRows;
  reader.checkVectors("input", step.input, step.input + vectorsInRows(rows, step.channels, step.points, step.groups) - 1);
  if (!reader.ok()) return;
  const int64_t filters = (int64_t{step.output.channels} + 3) / 4 * 4;
  step.weights = reader.constants<float>("weights", filters * step.points * step.kernelRows * step.channels);
  step.bias = reader.constants<float>("bias", filters);
  step.transform = reader.constants<float>("transform", int64_t{kGroupColumns} * step.points);
}

void decode(PlanReader& reader, DepthwiseStep& step) {
  step.input = reader.shape("input");
  step.output = reader.view("output");
  reader.expect(step.input.channels == step.output.channels, "input and output have different numbers of channels");
  readWindow(reader, step);
  step.activation = reader.activation();
  reader.checkWindow(step.input, step.output, step.kernel, step.strides, step.dilations);
  const int64_t taps = int64_t{step.kernel.rows} * step.kernel.columns;
  step.weights = reader.constants<float>("weights", taps * step.output.channels);
  step.bias = reader.constants<float>("bias", step.output.channels);
}

void decode(PlanReader& reader, PoolStep& step) {
  step.input = reader.shape("input");
  step.output = reader.view("output");
  reader.expect(step.input.channels == step.output.channels, "input and output have different numbers of channels");
  readWindow(reader, step);
  step.average = reader.integer("mode", 0, 1) == 1;
  reader.checkWindow(step.input, step.output, step.kernel, step.strides, step.dilations);
  const int64_t scales = int64_t{step.output.rows} * step.output.columns * kLanes;
  step.scale = reader.optionalConstants<float>("scale", scales);
  reader.expect(!step.average || step.scale != nullptr, "mode average needs scale");
}

void decode(PlanReader& reader, PointwiseStep& step) {
  step.input = reader.view("input");
  step.output = reader.view("output");
  reader.expect(sameShape(step.input, step.output), "input and output have different shapes");
  step.scale = reader.optionalConstants<float>("scale", step.output.channels);
  step.shift = reader.optionalConstants<float>("shift", step.output.channels);
  step.activation = reader.activation();
}

void decode(PlanReader& reader, BinaryStep& step) {
  step.op = reader.binaryOperator();
  step.left = reader.view("left");
  const bool rightIsView = reader.integer("right", 0, 1) == 1;
  step.right = rightIsView ? reader.view("right") : View{};
  step.rightPlain = rightIsView ? -1 : reader.plain("right", step.left.channels);
  step.output = reader.view("output");
  reader.expect(sameShape(step.left, step.output), "left and output have different shapes");
  reader.expect(!rightIsView || sameShape(step.right, step.output), "right and output have different shapes");
  step.activation = reader.activation();
}

void decode(PlanReader& reader, GlobalAverageStep& step) {
  step.input = reader.view("input");
  step.output = reader.plain("output", step.input.channels);
  step.masks = reader.constants<int32_t>("masks", int64_t{step.input.rows} * step.input.columns);
  step.pixels = reader.integer("pixels", 1, INT32_MAX);
}

void decode(PlanReader& reader, ToPlainStep& step) {
  step.input = reader.view("input");
  step.height = reader.integer("height", 1, kMostImageSide);
  step.width = reader.integer("width", 1, kMostImageSide);
  step.grid = reader.grid(step.input, step.height, step.width);
  step.output = reader.plain("output", int64_t{step.input.channels} * step.height * step.width);
}

void decode(PlanReader& reader, FromPlainStep& step) {
  step.output = reader.view("output");
  step.height = reader.integer("height", 1, kMostImageSide);
  step.width = reader.integer("width", 1, kMostImageSide);
  step.grid = reader.grid(step.output, step.height, step.width);
  step.input = reader.plain("input", int64_t{step.output.channels} * step.height * step.width);
}

}  // namespace headwater
