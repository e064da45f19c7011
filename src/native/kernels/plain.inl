// Arithmetic on plain tensors (floats in the order of ONNX). Vectors run over what is contiguous; what is left over is a vector in part.
#pragma once

#include "activation.inl"
#include "binary.inl"
#include "plain_layout.inl"

namespace headwater {
namespace {

/** Calls work(index, count) for floats [0, length), 16 at a time. */
template <typename Work>
inline void inVectors(int64_t length, Work work) {
  for (int64_t i = 0; i < length; i += kLanes) work(i, static_cast<int>(smaller(kLanes, length - i)));
}

/** One value a channel: channels side by side are the vector. */
inline void plainPointwiseChannels(const PlainPointwiseStep& s, const Finish& finish, float* arena, int begin, int end) {
  inVectors(end - begin, [&](int64_t i, int count) {
    const int64_t channel = begin + i;
    const Vector scale = s.scale != nullptr ? loadFirst(s.scale + channel, count) : broadcast(1);
    const Vector shift = s.shift != nullptr ? loadFirst(s.shift + channel, count) : zero();
    const Vector x = loadFirst(arena + s.input + channel, count);
    storeFirst(arena + s.output + channel, finish.apply(multiplyAdd(x, scale, shift)), count);
  });
}

void plainPointwise(const PlainPointwiseStep& s, const Frame& frame, int begin, int end) {
  const Finish finish(s.activation);
  if (s.inner == 1) return plainPointwiseChannels(s, finish, frame.arena, begin, end);
  for (int channel = begin; channel < end; channel++) {
    const Vector scale = broadcast(s.scale != nullptr ? s.scale[channel] : 1);
    const Vector shift = broadcast(s.shift != nullptr ? s.shift[channel] : 0);
    const float* from = frame.arena + s.input + int64_t{channel} * s.inner;
    float* to = frame.arena + s.output + int64_t{channel} * s.inner;
    inVectors(s.inner, [&](int64_t i, int count) {
      storeFirst(to + i, finish.apply(multiplyAdd(loadFirst(from + i, count), scale, shift)), count);
    });
  }
}

/** `count` floats, `stride` apart. */
inline Vector loadStrided(const float* p, int64_t stride, int count) {
  if (stride == 1) return loadFirst(p, count);
  if (stride == 0) return broadcast(*p);
  alignas(64) float values[kLanes] = {};
  for (int i = 0; i < count; i++) values[i] = p[i * stride];
  return load(values);
}

template <BinaryOperator op>
void plainBinaryOf(const PlainBinaryStep& s, float* arena, int begin, int end) {
  int dims[kMostAxes];
  const int64_t elements = partOfDims(s.axes, s.dims, begin, end, dims);
  if (elements == 0) return;
  const Finish finish(s.activation);
  const int last = s.axes - 1;
  const bool hasAxes = s.axes > 0;
  const int length = hasAxes ? dims[last] : 1;
  const int64_t leftStep = hasAxes ? s.leftStrides[last] : 0, rightStep = hasAxes ? s.rightStrides[last] : 0;
  const float* left = arena + s.left + (hasAxes ? begin * s.leftStrides[0] : 0);
  const float* right = arena + s.right + (hasAxes ? begin * s.rightStrides[0] : 0);
  float* to = arena + s.output + (hasAxes ? begin * (elements / dims[0]) : 0);
  Odometer<2> at(last < 0 ? 0 : last, dims);
  at.strides[0] = s.leftStrides;
  at.strides[1] = s.rightStrides;
  do {
    const float* a = left + at.offset[0];
    const float* b = right + at.offset[1];
    inVectors(length, [&](int64_t i, int count) {
      const Vector x = loadStrided(a + i * leftStep, leftStep, count), y = loadStrided(b + i * rightStep, rightStep, count);
      storeFirst(to + i, finish.apply(combine<op>(x, y)), count);
    });
    to += length;
  } while (at.advance());
}

void plainBinary(const PlainBinaryStep& s, const Frame& frame, int begin, int end) {
  switch (s.op) {
    case BinaryOperator::add:
      return plainBinaryOf<BinaryOperator::add>(s, frame.arena, begin, end);
    case BinaryOperator::sub:
      return plainBinaryOf<BinaryOperator::sub>(s, frame.arena, begin, end);
    case BinaryOperator::mul:
      return plainBinaryOf<BinaryOperator::mul>(s, frame.arena, begin, end);
    case BinaryOperator::div:
      return plainBinaryOf<BinaryOperator::div>(s, frame.arena, begin, end);
  }
}

/** Softmax over `length` floats side by side, the largest subtracted so that no exponential overflows. */
inline void softmaxRow(const float* x, float* y, int length) {
  float largest = x[0];
  for (int i = 1; i < length; i++) largest = x[i] > largest ? x[i] : largest;
  double sum = 0;
  inVectors(length, [&](int64_t i, int count) {
    const Vector e = exponential(loadFirst(x + i, count) - broadcast(largest));
    storeFirst(y + i, e, count);
    sum += sumOfLanes(keepLanes(e, (1 << count) - 1));
  });
  const Vector factor = broadcast(static_cast<float>(1 / sum));
  inVectors(length, [&](int64_t i, int count) { storeFirst(y + i, loadFirst(y + i, count) * factor, count); });
}

/** The same down `length` rows that lie `inner` floats apart, for `count` of their columns. */
inline void softmaxColumns(const float* x, float* y, int length, int64_t inner, int count) {
  Vector largest = loadFirst(x, count);
  for (int i = 1; i < length; i++) largest = maximum(largest, loadFirst(x + i * inner, count));
  Vector sum = zero();
  for (int i = 0; i < length; i++) {
    const Vector e = exponential(loadFirst(x + i * inner, count) - largest);
    storeFirst(y + i * inner, e, count);
    sum = sum + e;
  }
  for (int i = 0; i < length; i++) storeFirst(y + i * inner, loadFirst(y + i * inner, count) / sum, count);
}

void softmax(const SoftmaxStep& s, const Frame& frame, int begin, int end) {
  for (int outer = begin; outer < end; outer++) {
    const int64_t offset = int64_t{outer} * s.length * s.inner;
    const float* x = frame.arena + s.input + offset;
    float* y = frame.arena + s.output + offset;
    if (s.inner == 1) softmaxRow(x, y, s.length);
    else inVectors(s.inner, [&](int64_t i, int count) { softmaxColumns(x + i, y + i, s.length, s.inner, count); });
  }
}

}  // namespace
}  // namespace headwater
