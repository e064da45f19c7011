// Between tiles and plain tensors (floats in the order of ONNX), and plain tensors moved about.
#pragma once

#include "tiles.inl"

namespace headwater {
namespace {

void toPlain(const ToPlainStep& s, const Frame& frame, int begin, int end) {
  const int lanes = s.grid.rows * s.grid.columns;
  for (int channel = begin; channel < end; channel++) {
    float* plane = frame.arena + s.output + int64_t{channel} * s.height * s.width;
    for (int row = 0; row < s.input.rows; row++) {
      const float* from = frame.arena + vectorAt(s.input, row, channel) * kLanes;
      for (int lane = 0; lane < lanes; lane++) {
        const int y = lane / s.grid.columns * s.input.rows + row, x = lane % s.grid.columns * s.input.columns;
        if (y >= s.height || x >= s.width) continue;
        const int count = static_cast<int>(smaller(s.input.columns, s.width - x));
        float* to = plane + int64_t{y} * s.width + x;
        for (int column = 0; column < count; column++) to[column] = from[column * kLanes + lane];
      }
    }
  }
}

void fromPlain(const FromPlainStep& s, const Frame& frame, int begin, int end) {
  const TileSource source = {s.grid, s.height, s.width, 0, 0, 0, 0};
  for (int channel = begin; channel < end; channel++) {
    const FloatPixels pixels = {frame.arena + s.input + int64_t{channel} * s.height * s.width, s.width};
    layTiles(source, s.output, channel, frame.arena, pixels);
  }
}

/** Indices of all axes but the last, counted up with the last of them fastest; offsets follow the strides of `tensors` tensors. */
template <int tensors>
struct Odometer {
  int axes;
  const int* dims;
  const int64_t* strides[tensors];
  int index[kMostAxes] = {};
  int64_t offset[tensors] = {};

  Odometer(int outerAxes, const int* outerDims) : axes(outerAxes), dims(outerDims) {}

  /** False when all are done. */
  bool advance() {
    for (int axis = axes - 1; axis >= 0; axis--) {
      for (int t = 0; t < tensors; t++) offset[t] += strides[t][axis];
      if (++index[axis] < dims[axis]) return true;
      index[axis] = 0;
      for (int t = 0; t < tensors; t++) offset[t] -= strides[t][axis] * dims[axis];
    }
    return false;
  }
};

/** The part [begin, end) of the first axis as dims of its own; without axes there is one element. Returns the number of elements. */
inline int64_t partOfDims(int axes, const int* dims, int begin, int end, int (&part)[kMostAxes]) {
  int64_t elements = 1;
  for (int axis = 0; axis < axes; axis++) {
    part[axis] = axis == 0 ? end - begin : dims[axis];
    elements *= part[axis];
  }
  return elements;
}

void plainCopy(const PlainCopyStep& s, const Frame& frame, int begin, int end) {
  int dims[kMostAxes];
  if (partOfDims(s.axes, s.dims, begin, end, dims) == 0) return;
  const float* from = frame.arena + s.input + (s.axes > 0 ? begin * s.inputStrides[0] : 0);
  float* to = frame.arena + s.output + (s.axes > 0 ? begin * s.outputStrides[0] : 0);
  const int last = s.axes - 1;
  const int length = s.axes > 0 ? dims[last] : 1;
  const int64_t step = s.axes > 0 ? s.inputStrides[last] : 1, outputStep = s.axes > 0 ? s.outputStrides[last] : 1;
  Odometer<2> at(last < 0 ? 0 : last, dims);
  at.strides[0] = s.inputStrides;
  at.strides[1] = s.outputStrides;
  do {
    const float* source = from + at.offset[0];
    float* destination = to + at.offset[1];
    if (step == 1 && outputStep == 1) {
      std::memmove(destination, source, sizeof(float) * length);
    } else {
      for (int i = 0; i < length; i++) destination[i * outputStep] = source[i * step];
    }
  } while (at.advance());
}

void plainFill(const PlainFillStep& s, const Frame& frame, int begin, int end) {
  if (begin >= end) return;
  for (int64_t i = 0; i < s.count; i++) frame.arena[s.output + i] = s.value;
}

}  // namespace
}  // namespace headwater
