// Vectors whose lanes come from lanes of other vectors: halos above all. Channels run inside of an entry, so that its permutations stay in
// registers.
#pragma once

#include "steps.h"
#include "lanes.h"

namespace headwater {
namespace {

/** One entry for some channels; pitches in floats. */
struct ShuffleRun {
  const float* input;
  float* output;
  int64_t inputChannel, outputChannel;
  int channels;
  Vector fill;
};

/** Terms that a loop over channels holds at once. */
constexpr int kMostTerms = 8;

template <int terms>
void shuffleEntry(const ShuffleRun& run, const int32_t (*term)[2], const int32_t (*permutations)[kLanes], bool isFirst) {
  Permutation permutation[terms > 0 ? terms : 1];
  const float* input[terms > 0 ? terms : 1];
  for (int i = 0; i < terms; i++) {
    permutation[i] = loadPermutation(permutations[term[i][1]]);
    input[i] = run.input + int64_t{term[i][0]} * kLanes;
  }
  float* output = run.output;
  for (int channel = 0; channel < run.channels; channel++) {
    Vector value = isFirst ? run.fill : load(output);
#pragma GCC unroll 8
    for (int i = 0; i < terms; i++) {
      value = permute(value, permutation[i], load(input[i]));
      input[i] += run.inputChannel;
    }
    store(output, value);
    output += run.outputChannel;
  }
}

using ShuffleEntry = void (*)(const ShuffleRun&, const int32_t (*)[2], const int32_t (*)[kLanes], bool);

void shuffle(const ShuffleStep& s, const Frame& frame, int begin, int end) {
  const float* input = frame.arena + (s.input.offset + begin * s.input.channelPitch) * kLanes;
  float* output = frame.arena + (s.output.offset + begin * s.output.channelPitch) * kLanes;
  ShuffleRun run = {input, output, s.input.channelPitch * kLanes, s.output.channelPitch * kLanes, end - begin, broadcast(s.fill)};
  static constexpr ShuffleEntry kByTerms[kMostTerms + 1] = {shuffleEntry<0>, shuffleEntry<1>, shuffleEntry<2>, shuffleEntry<3>,
                                                            shuffleEntry<4>, shuffleEntry<5>, shuffleEntry<6>, shuffleEntry<7>,
                                                            shuffleEntry<8>};
  for (int entry = 0; entry < s.entryCount; entry++) {
    const auto [destination, first, terms] = s.entries[entry];
    run.output = output + int64_t{destination} * kLanes;
    int term = 0;
    do {
      const int count = terms - term < kMostTerms ? terms - term : kMostTerms;
      kByTerms[count](run, s.terms + first + term, s.permutations, term == 0);
      term += count;
    } while (term < terms);
  }
}

}  // namespace
}  // namespace headwater
