// y = activation(scale x + shift), a scale and a shift for each channel.
#pragma once

#include "activation.inl"

namespace headwater {
namespace {

void pointwise(const PointwiseStep& s, const Frame& frame, int begin, int end) {
  const Finish finish(s.activation);
  for (int row = 0; row < s.output.rows; row++) {
    for (int channel = begin; channel < end; channel++) {
      const float* from = frame.arena + vectorAt(s.input, row, channel) * kLanes;
      float* to = frame.arena + vectorAt(s.output, row, channel) * kLanes;
      const Vector scale = broadcast(s.scale != nullptr ? s.scale[channel] : 1);
      const Vector shift = broadcast(s.shift != nullptr ? s.shift[channel] : 0);
      for (int column = 0; column < s.output.columns; column++) {
        store(to + column * kLanes, finish.clamp(multiplyAdd(load(from + column * kLanes), scale, shift)));
      }
      finish.rest(to, s.output.columns);
    }
  }
}

}  // namespace
}  // namespace headwater
