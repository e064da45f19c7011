#include "plan_reader.h"

#include <cstring>

namespace headwater {

void PlanReader::fail(const std::string& message) {
  if (ok()) error_ = message;
}

void PlanReader::expect(bool condition, const char* message) {
  if (!condition) fail(message);
}

void PlanReader::end() { expect(left_ == 0, "has more words than its kind takes"); }

int32_t PlanReader::word() {
  if (left_ == 0) {
    fail("has fewer words than its kind takes");
    return 0;
  }
  left_--;
  return *words_++;
}

int PlanReader::integer(const char* name, int64_t least, int64_t most) {
  const int32_t value = word();
  if (value >= least && value <= most) return value;
  fail(std::string(name) + " is " + std::to_string(value) + ", but must be " + std::to_string(least) + " to " +
       std::to_string(most));
  return static_cast<int>(least);
}

float PlanReader::number(const char* name) {
  const int32_t bits = word();
  float value;
  std::memcpy(&value, &bits, sizeof value);
  if (value != value) fail(std::string(name) + " is not a number");
  return value;
}

Pair PlanReader::pair(const char* name, int64_t least, int64_t most) {
  const int rows = integer(name, least, most);
  const int columns = integer(name, least, most);
  return {rows, columns};
}

Activation PlanReader::activation() {
  const int kind = integer("activation", 0, static_cast<int>(ActivationKind::hardSigmoid));
  const float a = number("activation");
  const float b = number("activation");
  return {static_cast<ActivationKind>(kind), a, b};
}

BinaryOperator PlanReader::binaryOperator() {
  return static_cast<BinaryOperator>(integer("operator", 0, static_cast<int>(BinaryOperator::div)));
}

Pair PlanReader::grid(const View& tiles, int height, int width) {
  const Pair grid = pair("grid", 1, kLanes);
  expect(grid.rows * grid.columns <= kLanes, "grid has more tiles than a vector has lanes");
  expect(int64_t{grid.rows} * tiles.rows >= height && int64_t{grid.columns} * tiles.columns >= width,
         "grid does not cover the image");
  return grid;
}

View PlanReader::shape(const char* name) {
  View v;
  v.offset = integer(name, 0, vectors() - 1);
  v.rowPitch = integer(name, 0, kMostVectors);
  v.channelPitch = integer(name, 0, kMostVectors);
  v.channels = integer(name, 1, kMostImageSide);
  v.rows = integer(name, 1, kMostTileSide);
  v.columns = integer(name, 1, kMostTileSide);
  // Pixels that share memory would not be wrong addresses, but could be 2^60 of them.
  if (vectorsIn(v) > vectors()) fail(std::string(name) + " has more vectors than the arena");
  return v;
}

View PlanReader::view(const char* name) {
  const View v = shape(name);
  checkVectors(name, v.offset, v.offset + reach(v));
  return v;
}

void PlanReader::checkVectors(const char* name, int64_t lowest, int64_t highest) {
  if (lowest >= 0 && highest < vectors()) return;
  fail(std::string(name) + " takes vectors " + std::to_string(lowest) + " to " + std::to_string(highest) +
       ", but the arena has " + std::to_string(vectors()));
}

void PlanReader::checkWindow(const View& input, const View& output, Pair kernel, Pair strides, Pair dilations) {
  if (!ok()) return;
  const int64_t rows = int64_t{output.rows - 1} * strides.rows + int64_t{kernel.rows - 1} * dilations.rows;
  const int64_t columns = int64_t{output.columns - 1} * strides.columns + int64_t{kernel.columns - 1} * dilations.columns;
  const int64_t last = input.offset + rows * input.rowPitch + (input.channels - 1) * input.channelPitch + columns;
  checkVectors("window", input.offset, last);
}

void PlanReader::checkFloats(const char* name, int64_t offset, int64_t count) {
  if (offset >= 0 && count >= 0 && count <= floats() - offset) return;
  fail(std::string(name) + " takes " + std::to_string(count) + " floats at " + std::to_string(offset) +
       ", but the arena has " + std::to_string(floats()));
}

int64_t PlanReader::plain(const char* name, int64_t count) {
  const int64_t offset = integer(name, 0, floats() - 1);
  checkFloats(name, offset, count);
  return offset;
}

int64_t PlanReader::dims(int& axes, int (&dims)[kMostAxes]) {
  axes = integer("number of axes", 0, kMostAxes);
  int64_t product = 1;
  for (int i = 0; i < kMostAxes; i++) dims[i] = i < axes ? integer("dims", 1, floats()) : 1;
  for (int i = 0; i < axes; i++) {
    product *= dims[i];
    if (product > floats()) {
      fail("dims give more elements than the arena has floats");
      return 1;
    }
  }
  return product;
}

void PlanReader::strides(const char* name, int64_t offset, int axes, const int (&dims)[kMostAxes],
                         int64_t (&strides)[kMostAxes]) {
  int64_t lowest = offset;
  int64_t highest = offset;
  for (int i = 0; i < kMostAxes; i++) {
    strides[i] = i < axes ? integer(name, -floats(), floats()) : 0;
    // The bound of dims' product holds only while all is well, and with it that of these products' sum.
    if (!ok()) return;
    const int64_t distance = (dims[i] - 1) * strides[i];
    (distance < 0 ? lowest : highest) += distance;
  }
  if (lowest >= 0 && highest < floats()) return;
  fail(std::string(name) + " take floats " + std::to_string(lowest) + " to " + std::to_string(highest) +
       ", but the arena has " + std::to_string(floats()));
}

const void* PlanReader::constantBytes(const char* name, int64_t least, size_t size, int64_t* count) {
  const int64_t available = static_cast<int64_t>(plan_.constants.bytes());
  const int64_t offset = int64_t{integer(name, 0, INT32_MAX)} * 64;
  const int64_t bytes = integer(name, 0, INT32_MAX);
  const int64_t itemSize = static_cast<int64_t>(size);
  if (offset > available || bytes > available - offset) {
    fail(std::string(name) + " takes constants " + std::to_string(offset) + " to " + std::to_string(offset + bytes) +
         ", but there are " + std::to_string(available) + " bytes of them");
  } else if (bytes % itemSize != 0 || bytes / itemSize < least) {
    fail(std::string(name) + " has " + std::to_string(bytes) + " bytes, but must have " + std::to_string(least) +
         " items of " + std::to_string(itemSize));
  }
  if (count != nullptr) *count = ok() ? bytes / itemSize : 0;
  return ok() ? static_cast<const uint8_t*>(plan_.constants.data()) + offset : nullptr;
}

std::nullptr_t PlanReader::skipConstants() {
  word();
  word();
  return nullptr;
}

}  // namespace headwater
