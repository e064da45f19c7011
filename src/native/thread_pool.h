// Threads that work through stages together: each stage is a number of chunks, handed out one by one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "thread.h"

namespace headwater {

/** Work in stages: a stage begins when all chunks of the one before it are done. */
class Job {
 public:
  virtual ~Job() = default;
  /** At least 1. */
  virtual int stages() const = 0;
  /** Chunks of a stage, at least 1. */
  virtual int chunks(int stage) const = 0;
  /** Called by any thread of the pool, several at once. `stopping`: the result is not wanted any more. */
  virtual void run(int stage, int chunk, int thread, bool stopping) = 0;
  /** Called once before the first stage, and after each stage, by one thread. */
  virtual void started() {}
  virtual void finished(int /*stage*/) {}
  /** The last call: the pool does not touch the job again. */
  virtual void done() = 0;
};

/**
 * Threads of its own, parked while there is nothing to do. Jobs run one after the other, in the order in which they came.
 *
 * Nothing waits for a thread, only for chunks that have been taken: when another process takes a core away, the thread that sat on
 * it holds one chunk at most, and the others do the rest.
 */
class ThreadPool {
 public:
  /** Fewer than `threads` when the system does not give more: see `threads()`. */
  explicit ThreadPool(int threads);
  /** Ends as `stop` does. */
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /** Of those that run: 0 when none could be started. */
  int threads() const { return static_cast<int>(threads_.size()); }

  /** From any thread. The job must live until its `done()`. */
  void submit(Job& job);
  /** Blocks until no job runs or waits. Not from a thread of the pool. */
  void drain();
  /** Chunks that begin from now on are told that they are `stopping`. */
  void hurry() { stopping_.store(true); }
  bool hurries() const { return stopping_.load(std::memory_order_relaxed); }
  /** Hurries through the jobs that run or wait, then ends the threads. */
  void stop();

 private:
  void work(int thread);
  bool takeChunk(uint64_t& taken);
  void runChunk(uint64_t taken, int thread);
  bool waitForChunks();
  void begin(Job& job);
  void endJob();
  void publish(int chunks, int helpers);

  // Bits 32 to 63: number of the stage since the pool was made; 0 to 31: chunks that nobody has taken. One word, so that a thread which
  // comes late can't take a chunk of a stage that has ended.
  alignas(64) std::atomic<uint64_t> cursor_{0};
  alignas(64) std::atomic<int> chunksDone_{0};
  alignas(64) std::atomic<int> parked_{0};
  std::atomic<bool> stopping_{false};
  // Written by the one thread that begins a stage, read by those that hold a chunk of it.
  Job* job_ = nullptr;
  int stage_ = 0;
  int chunks_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  // Under the mutex.
  bool busy_ = false;
  bool ending_ = false;
  std::deque<Job*> queue_;
  std::vector<Thread> threads_;
};

}  // namespace headwater
