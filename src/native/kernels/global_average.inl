// Mean over the pixels of an image, one for each channel.
#pragma once

#include "steps.h"
#include "lanes.h"

namespace headwater {
namespace {

/** Lanes of `mask` only: those outside of the image may hold anything. */
inline Vector masked(const float* p, int32_t mask) {
  const Vector value = load(p);
  return mask == 0xffff ? value : keepLanes(value, mask);
}

/** A sum for each lane, four at a time; the lanes are added up as doubles. */
void globalAverage(const GlobalAverageStep& s, const Frame& frame, int begin, int end) {
  for (int channel = begin; channel < end; channel++) {
    Vector sums[4] = {zero(), zero(), zero(), zero()};
    const int32_t* mask = s.masks;
    for (int row = 0; row < s.input.rows; row++) {
      const float* from = frame.arena + vectorAt(s.input, row, channel) * kLanes;
      int column = 0;
      for (; column + 4 <= s.input.columns; column += 4) {
        for (int i = 0; i < 4; i++) sums[i] = sums[i] + masked(from + (column + i) * kLanes, mask[column + i]);
      }
      for (; column < s.input.columns; column++) sums[column % 4] = sums[column % 4] + masked(from + column * kLanes, mask[column]);
      mask += s.input.columns;
    }
    const double sum = sumOfLanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
    frame.arena[s.output + channel] = static_cast<float>(sum / s.pixels);
  }
}

}  // namespace
}  // namespace headwater
