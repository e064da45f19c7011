// Into how many independent units each step falls. A unit is small enough to share out and large enough to be worth a visit.
#pragma once

#include "steps.h"

namespace headwater {

/** Columns that the accumulators of a convolution hold at once: the tile's columns in equal parts of at most seven. */
constexpr int kMostColumns = 7;
static inline int columnParts(const View& output) { return (output.columns + kMostColumns - 1) / kMostColumns; }
static inline int columnBegin(const View& output, int part, int parts) { return output.columns * part / parts; }

/** Unit = (row * parts + part) * stripes + stripe. */
static inline int units(const SparseConvStep& s) { return s.output.rows * s.parts * s.stripes; }
/** Unit = (row * columnParts + part) * filter blocks + filter block (four filters). */
static inline int units(const DenseConvStep& s) { return s.output.rows * columnParts(s.output) * ((s.output.channels + 3) / 4); }

/** Unit = row of the input. */
static inline int units(const WinogradInputStep& s) { return s.input.rows; }
/** Unit = (row * parts + part) * filter blocks + filter block; a part has at most seven groups. */
static inline int groupParts(const WinogradConvStep& s) { return (s.groups + kMostColumns - 1) / kMostColumns; }
static inline int units(const WinogradConvStep& s) { return s.output.rows * groupParts(s) * ((s.output.channels + 3) / 4); }

/** Unit = channel. */
static inline int units(const InputStep& s) { return s.output.channels; }
static inline int units(const ShuffleStep& s) { return s.output.channels; }
static inline int units(const DepthwiseStep& s) { return s.output.channels; }
static inline int units(const PoolStep& s) { return s.output.channels; }
static inline int units(const PointwiseStep& s) { return s.output.channels; }
static inline int units(const BinaryStep& s) { return s.output.channels; }
static inline int units(const GlobalAverageStep& s) { return s.input.channels; }
static inline int units(const ToPlainStep& s) { return s.input.channels; }
static inline int units(const FromPlainStep& s) { return s.output.channels; }
static inline int units(const PlainPointwiseStep& s) { return s.channels; }

/** Unit = index of the first axis. */
static inline int units(const PlainCopyStep& s) { return s.axes == 0 ? 1 : s.dims[0]; }
static inline int units(const PlainBinaryStep& s) { return s.axes == 0 ? 1 : s.dims[0]; }
static inline int units(const SoftmaxStep& s) { return s.outer; }
/** Too quick to share. */
static inline int units(const PlainFillStep&) { return 1; }

/** Unit = 16 outputs. */
static inline int units(const DenseLinearStep& s) { return (s.outputs + kLanes - 1) / kLanes; }
static inline int units(const SparseLinearStep& s) { return (s.outputs + kLanes - 1) / kLanes; }

}  // namespace headwater
