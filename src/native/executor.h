// Runs a plan over images with threads of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "memory.h"
#include "plan.h"
#include "thread_pool.h"

namespace headwater {

/** The caller's memory: one of the two. */
struct Image {
  const uint8_t* pixels;  // [height][width][3]
  const float* input;     // [channels][height][width]
};

/** How bytes become values, as in executor.ts. */
struct Normalisation {
  std::vector<float> table;  // [channels][256]
  int pixelChannel[3];
};

class Executor {
 public:
  Executor(Plan plan, const Kernels& kernels, Normalisation normalisation, int threads);

  /** Empty, or why it can't run: no memory or no threads. */
  std::string problem() const;
  const Plan& plan() const { return plan_; }
  const Kernels& kernels() const { return kernels_; }
  int threads() const { return threads_; }
  /** How many may run whole images at once, each on an arena of its own; 0: all images are shared, on the one arena. */
  int wholeThreads() const { return wholeThreads_; }
  /** Of constants and of the arenas that exist so far. */
  size_t bytes() const { return bytes_.load(); }

  /** The job must live until its `done()`. */
  void submit(Job& job) { pool_.submit(job); }
  /** Makes calls that run or wait end soon, with results that mean nothing. */
  void hurry() { pool_.hurry(); }
  bool hurries() const { return pool_.hurries(); }
  /** Blocks until all calls have ended. */
  void drain() { pool_.drain(); }
  /** Ends the threads (calls that still run are hurried) and gives the memory back. Nothing can run afterwards. */
  void close();

  // For jobs, on threads of the pool.

  int units(int step) const { return units_[step]; }
  int chunkUnits(int step) const { return chunkUnits_[step]; }
  void runStep(int step, const Frame& frame, int begin, int end) const;
  /** One of `wholeThreads()`, the first of which always exists; made when it is first asked for, by the one that uses it. Null: no memory. */
  float* arena(int index);
  Frame frame(float* arena, const Image& image) const;

 private:
  Plan plan_;
  const Kernels& kernels_;
  Normalisation normalisation_;
  int threads_;
  int wholeThreads_;
  std::vector<int> units_;
  std::vector<int> chunkUnits_;
  // Each used by one thread at a time; the first also serves images that all threads share.
  std::vector<Memory> arenas_;
  std::atomic<size_t> bytes_{0};
  // Last, so that it ends before what its threads use.
  ThreadPool pool_;
};

/** Arenas together stay below this, or are only one: a batch on many cores would otherwise take many times what the first images took. */
constexpr size_t kMostArenaBytes = size_t{1} << 30;

/** As `Executor::wholeThreads`. Fewer than half of the threads would run whole images slower than all of them share. */
int wholeThreads(int threads, size_t arenaBytes);

/**
 * Embeds images. While there are as many images as threads, each thread takes whole images to its own arena: nothing is shared, nobody
 * waits. What is left over runs image by image, all threads sharing each step.
 */
class RunJob : public Job {
 public:
  /** `embeddings`: null, or [images][output length]. `stepMicroseconds`: null, or [images][steps], and then all steps are shared. */
  RunJob(Executor& executor, std::vector<Image> images, float* embeddings, double* stepMicroseconds);

  int stages() const override;
  int chunks(int stage) const override;
  void run(int stage, int chunk, int thread, bool stopping) override;
  void started() override;
  void finished(int stage) override;

  /** After the end. */
  double computeMs() const;
  bool outOfMemory() const { return outOfMemory_.load(); }

 private:
  /** Image and step of a stage in which a step is shared. */
  struct Shared {
    int image, step;
  };
  Shared shared(int stage) const;
  void runWholeImages(int arena);
  void runWhole(int image, float* arena);
  void takeOutput(int image, const float* arena);

  Executor& executor_;
  const std::vector<Image> images_;
  float* const embeddings_;
  double* const stepMicroseconds_;
  int whole_ = 0;  // images that one thread runs alone: the first ones, in stage 0, whose chunks each take images until none is left
  std::atomic<int> nextWhole_{0};
  std::atomic<bool> outOfMemory_{false};
  std::chrono::steady_clock::time_point start_, stageStart_;
};

}  // namespace headwater
