// One function a kind of step: reads its fields in the order in which encode.ts writes them, and checks all that it could reach.
#pragma once

#include "plan_reader.h"

namespace headwater {

void decode(PlanReader& reader, InputStep& step);
void decode(PlanReader& reader, ShuffleStep& step);
void decode(PlanReader& reader, SparseConvStep& step);
void decode(PlanReader& reader, DenseConvStep& step);
void decode(PlanReader& reader, WinogradInputStep& step);
void decode(PlanReader& reader, WinogradConvStep& step);
void decode(PlanReader& reader, DepthwiseStep& step);
void decode(PlanReader& reader, PoolStep& step);
void decode(PlanReader& reader, PointwiseStep& step);
void decode(PlanReader& reader, BinaryStep& step);
void decode(PlanReader& reader, GlobalAverageStep& step);
void decode(PlanReader& reader, ToPlainStep& step);
void decode(PlanReader& reader, FromPlainStep& step);
void decode(PlanReader& reader, PlainCopyStep& step);
void decode(PlanReader& reader, PlainFillStep& step);
void decode(PlanReader& reader, PlainPointwiseStep& step);
void decode(PlanReader& reader, PlainBinaryStep& step);
void decode(PlanReader& reader, SoftmaxStep& step);
void decode(PlanReader& reader, DenseLinearStep& step);
void decode(PlanReader& reader, SparseLinearStep& step);

}  // namespace headwater
