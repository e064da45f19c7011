// What one core can do at most, to set kernels beside.
#pragma once

namespace headwater::test {

/**
 * GFLOP/s of independent multiply-adds on registers, as measured: each is compiled for its instruction set, as the kernels are. Without a fused
 * multiply-add (scalar) it is a product and a sum.
 */
double fmaPeakAvx512();
double fmaPeakAvx2();
double fmaPeakNeon();
double fmaPeakScalar();

}  // namespace headwater::test
