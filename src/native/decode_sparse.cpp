// Sparse convolution: the one step whose constants are a program of addresses.
#include <algorithm>
#include <vector>

#include "decode.h"
#include "kernels/units.h"

namespace headwater {

namespace {

// Room for kernels that load offsets and values in groups which reach over the end. Those of today do not.
constexpr int64_t kTail = 8;
constexpr int kMostBlocks = 1 << 16;

struct Counts {
  int64_t rows, nonZeros;
};

/** The stripes follow each other without gaps, and their rows have the numbers of non-zeros that the starts say. */
void checkStarts(PlanReader& reader, const SparseConvStep& step, Counts counts) {
  const int64_t stripes = int64_t{step.blocks} * step.stripes;
  reader.expect(step.starts[0][0] == 0 && step.starts[0][1] == 0, "starts do not begin with 0");
  reader.expect(step.starts[stripes][0] == counts.rows && step.starts[stripes][1] == counts.nonZeros,
                "starts do not end with the numbers of rows and non-zeros");
  for (int64_t i = 0; i < stripes && reader.ok(); i++) {
    reader.expect(step.starts[i][0] <= step.starts[i + 1][0] && step.starts[i][1] <= step.starts[i + 1][1],
                  "starts go back");
  }
  for (int64_t i = 0; i < stripes && reader.ok(); i++) {
    int64_t nonZeros = step.starts[i][1];
    for (int64_t row = step.starts[i][0]; row < step.starts[i + 1][0]; row++) nonZeros += step.rows[row][1];
    reader.expect(nonZeros == step.starts[i + 1][1], "rows have other numbers of non-zeros than starts say");
  }
}

/** Every block lists every filter once, and always in the same stripe: two threads never work on one filter. */
void checkFilters(PlanReader& reader, const SparseConvStep& step) {
  std::vector<int> stripeOf(step.output.channels, -1);
  for (int64_t i = 0; i < int64_t{step.blocks} * step.stripes && reader.ok(); i++) {
    const int64_t block = i / step.stripes;
    const int stripe = static_cast<int>(i % step.stripes);
    for (int64_t row = step.starts[i][0]; row < step.starts[i + 1][0]; row++) {
      const int filter = step.rows[row][0];
      if (filter >= step.output.channels) return reader.fail("rows name a filter that does not exist");
      // The number of rows is right, so that a filter which is missing stands somewhere twice: seen as a wrong count of visits.
      const int visits = stripeOf[filter] < 0 ? 0 : stripeOf[filter] / step.stripes + 1;
      if (visits != block) return reader.fail("a block does not list every filter once");
      if (block > 0 && stripeOf[filter] % step.stripes != stripe) return reader.fail("a filter changes its stripe");
      stripeOf[filter] = static_cast<int>(block) * step.stripes + stripe;
    }
  }
}

/** Every tap of every output pixel lies in the arena. */
void checkTaps(PlanReader& reader, const SparseConvStep& step, Counts counts) {
  const View& out = step.output;
  const int64_t lastPixel = int64_t{out.rows - 1} * step.strides.rows * step.input.rowPitch +
                            int64_t{out.columns - 1} * step.strides.columns;
  for (int block = 0; block < step.blocks && reader.ok(); block++) {
    const int64_t begin = step.starts[int64_t{block} * step.stripes][1];
    const int64_t end = step.starts[int64_t{block + 1} * step.stripes][1];
    if (begin == end) continue;
    const auto [lowest, highest] = std::minmax_element(step.offsets + begin, step.offsets + end);
    const int64_t base = step.input.offset + step.bases[block];
    reader.checkVectors("offsets", base + *lowest, base + *highest + lastPixel);
  }
  const auto isZero = [](auto value) { return value == 0; };
  reader.expect(std::all_of(step.offsets + counts.nonZeros, step.offsets + counts.nonZeros + kTail, isZero) &&
                    std::all_of(step.values + counts.nonZeros, step.values + counts.nonZeros + kTail, isZero),
                "offsets and values do not end with 8 zeros");
}

}  // namespace

void decode(PlanReader& reader, SparseConvStep& step) {
  step.input = reader.shape("input");
  step.output = reader.view("output");
  step.hasResidual = reader.integer("residual", 0, 1) == 1;
  step.residual = step.hasResidual ? reader.view("residual") : View{};
  reader.expect(!step.hasResidual || sameShape(step.residual, step.output), "residual has another shape than output");
  step.strides = reader.pair("strides", 1, kMostWindow);
  step.activation = reader.activation();
  step.blocks = reader.integer("blocks", 1, kMostBlocks);
  step.stripes = reader.integer("stripes", 1, step.output.channels);
  step.parts = reader.integer("parts", columnParts(step.output), step.output.columns);
  const int64_t filters = step.output.channels;
  reader.expect(int64_t{step.blocks} * filters <= INT32_MAX, "blocks have too many rows");
  reader.expect(int64_t{step.stripes} * step.output.rows * step.output.columns <= INT32_MAX, "stripes are too many");
  Counts counts{step.blocks * filters, 0};
  step.bias = reader.constants<float>("bias", filters);
  step.bases = reader.constants<int32_t>("bases", step.blocks);
  step.starts = reader.constants<int32_t[2]>("starts", int64_t{step.blocks} * step.stripes + 1);
  if (reader.ok()) {
    counts.nonZeros = step.starts[int64_t{step.blocks} * step.stripes][1];
    reader.expect(counts.nonZeros >= 0, "starts are negative");
  }
  step.rows = reader.constants<uint16_t[2]>("rows", counts.rows);
  step.offsets = reader.constants<uint16_t>("offsets", counts.nonZeros + kTail);
  step.values = reader.constants<float>("values", counts.nonZeros + kTail);
  if (reader.ok()) checkStarts(reader, step, counts);
  if (reader.ok()) checkFilters(reader, step);
  if (reader.ok()) checkTaps(reader, step, counts);
}

}  // namespace headwater
