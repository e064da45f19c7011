// Lane permutes: random entries of 0 to 16 terms, into another tensor or within one (as halos are filled).
#pragma once

#include <array>

#include "views.h"

namespace headwater::test {

/** ShuffleStep's constants. */
struct ShuffleLists {
  std::vector<std::array<int32_t, 3>> entries;
  std::vector<std::array<int32_t, 2>> terms;
  std::vector<std::array<int32_t, kLanes>> permutations;
};

/** Vectors of one channel, halo included, counted from the view's offset. */
inline std::vector<int32_t> vectorsOf(const View& view, const Margins& margins) {
  std::vector<int32_t> vectors;
  for (int row = -margins.top; row < view.rows + margins.bottom; row++) {
    for (int column = -margins.left; column < view.columns + margins.right; column++) {
      vectors.push_back(static_cast<int32_t>(row * view.rowPitch + column));
    }
  }
  return vectors;
}

inline ShuffleLists makeLists(Random& random, const std::vector<int32_t>& sources, const std::vector<int32_t>& destinations) {
  ShuffleLists lists;
  lists.permutations.resize(random.between(1, 6));
  for (auto& permutation : lists.permutations) {
    const double taken = random.value();
    for (int32_t& lane : permutation) lane = random.chance(taken) ? random.below(kLanes) : -1;
  }
  for (const int32_t destination : destinations) {
    const int terms = random.chance(0.7) ? random.between(1, 2) : random.between(0, 16);
    lists.entries.push_back({destination, static_cast<int32_t>(lists.terms.size()), terms});
    for (int i = 0; i < terms; i++) lists.terms.push_back({random.of(sources), random.below(static_cast<int>(lists.permutations.size()))});
  }
  return lists;
}

inline void expectShuffle(const ShuffleLists& lists, const View& input, const View& output, float fill, Arena& arena) {
  for (int channel = 0; channel < output.channels; channel++) {
    for (const auto& [destination, first, terms] : lists.entries) {
      for (int lane = 0; lane < kLanes; lane++) {
        float value = fill;
        for (int term = first; term < first + terms; term++) {
          const int32_t from = lists.permutations[lists.terms[term][1]][lane];
          if (from >= 0) value = arena.before[at(input, channel, 0, 0, from) + lists.terms[term][0] * kLanes];
        }
        arena.expect(at(output, channel, 0, 0, lane) + destination * kLanes, value, 0);
      }
    }
  }
}

inline void checkShuffle(Suite& suite, int columns, bool inPlace) {
  Random& random = suite.random;
  const Margins margins = {random.below(4), random.below(4), random.below(4), random.below(4)};
  const int channels = random.between(1, 9);
  Layout layout(random);
  const View input = layout.view(channels, random.between(1, 4), columns, margins);
  const View output = inPlace ? input : layout.view(channels, random.between(1, 4), random.of(tileColumns()), margins);
  Arena arena(random, layout.floats());
  std::vector<int32_t> sources = vectorsOf(input, margins), destinations = vectorsOf(output, margins);
  random.shuffle(sources);
  if (inPlace) {
    // What is read is never written.
    const size_t half = (sources.size() + 1) / 2;
    destinations.assign(sources.begin() + half, sources.end());
    sources.resize(half);
  }
  const ShuffleLists lists = makeLists(random, sources, destinations);
  const float fill = random.chance(0.5) ? 0 : random.value();
  expectShuffle(lists, input, output, fill, arena);
  const ShuffleStep step = {input,
                            output,
                            fill,
                            static_cast<int>(lists.entries.size()),
                            reinterpret_cast<const int32_t (*)[3]>(lists.entries.data()),
                            reinterpret_cast<const int32_t (*)[2]>(lists.terms.data()),
                            reinterpret_cast<const int32_t (*)[kLanes]>(lists.permutations.data())};
  suite.check("shuffle", suite.kernels.shuffle, step, arena.frame(), arena,
              text("%d channels, %dx%d, %d entries%s", channels, input.rows, columns, step.entryCount, inPlace ? ", in place" : ""));
}

inline void shuffleCases(Suite& suite) {
  for (const int columns : tileColumns()) {
    for (int i = 0; i < 6; i++) checkShuffle(suite, columns, i % 2 == 0);
  }
}

}  // namespace headwater::test
