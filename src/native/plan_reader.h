// Reads the words of one step and checks them. The first fault is kept; what is read after it is harmless, but must not be followed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/steps.h"
#include "plan.h"

namespace headwater {

// Bounds that keep sums of products of what is read below 2^62.
constexpr int64_t kMostVectors = int64_t{1} << 27;  // 8 GiB; floats can be counted in an int32
constexpr int64_t kMostImageSide = int64_t{1} << 20;
constexpr int64_t kMostTileSide = int64_t{1} << 15;  // its square, too, fits an int: units.h multiplies columns
constexpr int64_t kMostWindow = int64_t{1} << 10;   // strides, kernels, dilations

class PlanReader {
 public:
  /** `plan` gives the sizes of image, arena and constants; it, and the words, must outlive the reader. */
  PlanReader(const int32_t* words, size_t count, const Plan& plan) : words_(words), left_(count), plan_(plan) {}

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  /** Only the first fault is kept. */
  void fail(const std::string& message);
  /** Fails unless `condition`. */
  void expect(bool condition, const char* message);
  /** Faults when words are left. */
  void end();

  const Plan& plan() const { return plan_; }
  int64_t vectors() const { return plan_.arenaVectors; }
  int64_t floats() const { return plan_.arenaVectors * kLanes; }

  int integer(const char* name, int64_t least, int64_t most);
  float number(const char* name);
  Pair pair(const char* name, int64_t least, int64_t most);
  Activation activation();
  BinaryOperator binaryOperator();
  /** Rows and columns of tiles that cover an image of height x width. */
  Pair grid(const View& tiles, int height, int width);

  /** Without a check of where its vectors lie: for windows. */
  View shape(const char* name);
  /** All its vectors lie in the arena. */
  View view(const char* name);
  /** What a window reads for each pixel of `output` lies in the arena. */
  void checkWindow(const View& input, const View& output, Pair kernel, Pair strides, Pair dilations);
  /** [lowest, highest] in vectors lies in the arena. */
  void checkVectors(const char* name, int64_t lowest, int64_t highest);
  /** Floats [offset, offset + count) lie in the arena. */
  void checkFloats(const char* name, int64_t offset, int64_t count);
  /** Offset of `count` floats in the arena. */
  int64_t plain(const char* name, int64_t count);
  /** Reads the number of axes and their lengths. @returns the product of them. */
  int64_t dims(int& axes, int (&dims)[kMostAxes]);
  /** Reads strides, and checks that all that they reach from `offset` lies in the arena. */
  void strides(const char* name, int64_t offset, int axes, const int (&dims)[kMostAxes], int64_t (&strides)[kMostAxes]);

  /** At least `least` items of type T. `count` gets how many there are. */
  template <typename T>
  const T* constants(const char* name, int64_t least, int64_t* count = nullptr) {
    return static_cast<const T*>(constantBytes(name, least, sizeof(T), count));
  }
  /** The same, or null where the plan has none. */
  template <typename T>
  const T* optionalConstants(const char* name, int64_t least) {
    if (left_ > 0 && *words_ == -1) return skipConstants();
    return constants<T>(name, least);
  }

 private:
  int32_t word();
  const void* constantBytes(const char* name, int64_t least, size_t size, int64_t* count);
  std::nullptr_t skipConstants();

  const int32_t* words_;
  size_t left_;
  const Plan& plan_;
  std::string error_;
};

inline int64_t vectorsIn(const View& v) { return int64_t{v.channels} * v.rows * v.columns; }
/** Of its last vector, from `offset`. */
inline int64_t reach(const View& v) {
  return (v.rows - 1) * v.rowPitch + (v.channels - 1) * v.channelPitch + v.columns - 1;
}
inline bool sameShape(const View& a, const View& b) {
  return a.channels == b.channels && a.rows == b.rows && a.columns == b.columns;
}

}  // namespace headwater
