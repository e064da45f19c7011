// Steps over plain tensors.
#include "decode.h"

namespace headwater {

void decode(PlanReader& reader, PlainCopyStep& step) {
  step.input = reader.plain("input", 1);
  step.output = reader.plain("output", 1);
  reader.dims(step.axes, step.dims);
  reader.strides("inputStrides", step.input, step.axes, step.dims, step.inputStrides);
  reader.strides("outputStrides", step.output, step.axes, step.dims, step.outputStrides);
}

void decode(PlanReader& reader, PlainFillStep& step) {
  step.count = reader.integer("count", 0, reader.floats());
  step.output = reader.plain("output", step.count);
  step.value = reader.number("value");
}

void decode(PlanReader& reader, PlainPointwiseStep& step) {
  step.channels = reader.integer("channels", 1, reader.floats());
  step.inner = reader.integer("inner", 1, reader.floats());
  step.input = reader.plain("input", int64_t{step.channels} * step.inner);
  step.output = reader.plain("output", int64_t{step.channels} * step.inner);
  step.scale = reader.optionalConstants<float>("scale", step.channels);
  step.shift = reader.optionalConstants<float>("shift", step.channels);
  step.activation = reader.activation();
}

void decode(PlanReader& reader, PlainBinaryStep& step) {
  step.op = reader.binaryOperator();
  step.left = reader.plain("left", 1);
  step.right = reader.plain("right", 1);
  const int64_t elements = reader.dims(step.axes, step.dims);
  step.output = reader.plain("output", elements);
  reader.strides("leftStrides", step.left, step.axes, step.dims, step.leftStrides);
  reader.strides("rightStrides", step.right, step.axes, step.dims, step.rightStrides);
  step.activation = reader.activation();
}

void decode(PlanReader& reader, SoftmaxStep& step) {
  step.outer = reader.integer("outer", 1, reader.floats());
  step.length = reader.integer("length", 1, reader.floats());
  step.inner = reader.integer("inner", 1, reader.floats());
  // Two of them first: three at once could overflow.
  const int64_t matrix = int64_t{step.outer} * step.length;
  reader.expect(matrix <= reader.floats(), "has more elements than the arena has floats");
  const int64_t elements = reader.ok() ? matrix * step.inner : 1;
  step.input = reader.plain("input", elements);
  step.output = reader.plain("output", elements);
}

void decode(PlanReader& reader, DenseLinearStep& step) {
  step.inputs = reader.integer("inputs", 1, reader.floats());
  step.outputs = reader.integer("outputs", 1, reader.floats());
  step.input = reader.plain("input", step.inputs);
  step.output = reader.plain("output", step.outputs);
  step.activation = reader.activation();
  const int64_t padded = (int64_t{step.outputs} + kLanes - 1) / kLanes * kLanes;
  const int64_t weights = reader.ok() ? padded * step.inputs : 0;
  step.weights = reader.constants<float>("weights", weights);
  step.bias = reader.constants<float>("bias", padded);
}

void decode(PlanReader& reader, SparseLinearStep& step) {
  step.inputs = reader.integer("inputs", 1, reader.floats());
  step.outputs = reader.integer("outputs", 1, reader.floats());
  step.input = reader.plain("input", step.inputs);
  step.output = reader.plain("output", step.outputs);
  step.activation = reader.activation();
  int64_t nonZeros;
  step.starts = reader.constants<int32_t>("starts", int64_t{step.outputs} + 1);
  step.indices = reader.constants<int32_t>("indices", 0, &nonZeros);
  step.values = reader.constants<float>("values", nonZeros);
  step.bias = reader.constants<float>("bias", step.outputs);
  if (!reader.ok()) return;
  reader.expect(step.starts[0] == 0 && step.starts[step.outputs] <= nonZeros, "starts do not fit the non-zeros");
  for (int i = 0; i < step.outputs && reader.ok(); i++) {
    reader.expect(step.starts[i] <= step.starts[i + 1], "starts go back");
  }
  for (int64_t i = 0; i < nonZeros && reader.ok(); i++) {
    reader.expect(step.indices[i] >= 0 && step.indices[i] < step.inputs, "indices name an input that does not exist");
  }
}

}  // namespace headwater
