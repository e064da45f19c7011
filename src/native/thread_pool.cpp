#include "thread_pool.h"

#include <chrono>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace headwater {

namespace {

// Longer than most stages end after each other, shorter than what a sleeping thread needs to wake up.
constexpr auto kSpin = std::chrono::microseconds(30);
constexpr int kPausesBetweenLooks = 16;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** Numbers below the smallest normal one count as 0: pruned networks make many, and each would cost some hundred cycles. */
void flushDenormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | (uint64_t{1} << 24)));
#endif
}

uint64_t untaken(uint64_t cursor) { return cursor & 0xffffffffu; }

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 0; i < threads; i++) {
    Thread thread([this, i] { work(i); });
    if (!thread.started()) return;
    threads_.push_back(std::move(thread));
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::submit(Job& job) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (busy_) {
    queue_.push_back(&job);
    return;
  }
  busy_ = true;
  lock.unlock();
  begin(job);
}

void ThreadPool::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return !busy_; });
}

void ThreadPool::stop() {
  hurry();
  drain();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  threads_.clear();
}

void ThreadPool::work(int thread) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "headwater");
#endif
  flushDenormals();
  for (;;) {
    uint64_t taken;
    if (takeChunk(taken)) {
      runChunk(taken, thread);
      continue;
    }
    if (!waitForChunks()) return;
  }
}

bool ThreadPool::takeChunk(uint64_t& taken) {
  taken = cursor_.load(std::memory_order_relaxed);
  while (untaken(taken) > 0) {
    if (cursor_.compare_exchange_weak(taken, taken - 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  }
  return false;
}

void ThreadPool::runChunk(uint64_t taken, int thread) {
  // The chunk that is held keeps the stage, and so these, as they are.
  const int chunks = chunks_;
  job_->run(stage_, chunks - static_cast<int>(untaken(taken)), thread, stopping_.load(std::memory_order_relaxed));
  if (chunksDone_.fetch_add(1, std::memory_order_acq_rel) + 1 < chunks) return;
  job_->finished(stage_);
  if (++stage_ < job_->stages()) {
    const int next = job_->chunks(stage_);
    publish(next, next - 1);
  } else {
    endJob();
  }
}

void ThreadPool::begin(Job& job) {
  job.started();
  job_ = &job;
  stage_ = 0;
  const int chunks = job.chunks(0);
  publish(chunks, chunks);
}

void ThreadPool::endJob() {
  job_->done();
  Job* next = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.empty()) {
      busy_ = false;
      idle_.notify_all();
      return;
    }
    next = queue_.front();
    queue_.pop_front();
  }
  begin(*next);
}

/** Opens a stage, and wakes as many threads as can help: the one that calls this from the pool takes a chunk itself. */
void ThreadPool::publish(int chunks, int helpers) {
  chunks_ = chunks;
  chunksDone_.store(0, std::memory_order_relaxed);
  const uint64_t stageNumber = (cursor_.load(std::memory_order_relaxed) >> 32) + 1;
  // Sequentially consistent with parked_: either this thread sees the parked one, or that one sees the new stage.
  cursor_.store(stageNumber << 32 | static_cast<uint32_t>(chunks));
  if (parked_.load() == 0 || helpers == 0) return;
  { const std::lock_guard<std::mutex> lock(mutex_); }
  if (helpers == 1) {
    wake_.notify_one();
  } else {
    wake_.notify_all();
  }
}

/** Returns false when the thread has to end. */
bool ThreadPool::waitForChunks() {
  const auto giveUp = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesBetweenLooks; i++) {
      if (untaken(cursor_.load(std::memory_order_relaxed)) > 0) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < giveUp);
  std::unique_lock<std::mutex> lock(mutex_);
  parked_.fetch_add(1);
  wake_.wait(lock, [this] { return ending_ || untaken(cursor_.load()) > 0; });
  parked_.fetch_sub(1);
  return !ending_;
}

}  // namespace headwater
