// y = activation(left operator right), where right is an image or one value for each channel.
#pragma once

#include "activation.inl"

namespace headwater {
namespace {

template <BinaryOperator op>
inline Vector combine(Vector left, Vector right) {
  if (op == BinaryOperator::add) return left + right;
  if (op == BinaryOperator::sub) return left - right;
  if (op == BinaryOperator::mul) return left * right;
  return left / right;
}

template <BinaryOperator op>
void binaryOf(const BinaryStep& s, float* arena, int begin, int end) {
  const Finish finish(s.activation);
  const bool isPlain = s.rightPlain >= 0;
  for (int row = 0; row < s.output.rows; row++) {
    for (int channel = begin; channel < end; channel++) {
      const float* left = arena + vectorAt(s.left, row, channel) * kLanes;
      const int64_t right = vectorAt(s.right, row, channel) * kLanes;
      float* to = arena + vectorAt(s.output, row, channel) * kLanes;
      const Vector value = isPlain ? broadcast(arena[s.rightPlain + channel]) : zero();
      for (int column = 0; column < s.output.columns; column++) {
        const Vector other = isPlain ? value : load(arena + right + column * kLanes);
        store(to + column * kLanes, finish.clamp(combine<op>(load(left + column * kLanes), other)));
      }
      finish.rest(to, s.output.columns);
    }
  }
}

void binary(const BinaryStep& s, const Frame& frame, int begin, int end) {
  switch (s.op) {
    case BinaryOperator::add:
      return binaryOf<BinaryOperator::add>(s, frame.arena, begin, end);
    case BinaryOperator::sub:
      return binaryOf<BinaryOperator::sub>(s, frame.arena, begin, end);
    case BinaryOperator::mul:
      return binaryOf<BinaryOperator::mul>(s, frame.arena, begin, end);
    case BinaryOperator::div:
      return binaryOf<BinaryOperator::div>(s, frame.arena, begin, end);
  }
}

}  // namespace
}  // namespace headwater
