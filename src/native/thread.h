// A native thread that can fail to start without ending the process, as std::thread would.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <functional>
#include <memory>
#include <utility>

namespace headwater {

/** Joins when destroyed. Its thread takes no signals: those are for Node's main thread. */
class Thread {
 public:
  Thread() = default;
  /** `started()` is false when the system gives no more threads. */
  explicit Thread(std::function<void()> work) {
    auto argument = std::make_unique<std::function<void()>>(std::move(work));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started_ = pthread_create(&thread_, nullptr, call, argument.get()) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (started_) argument.release();
  }
  ~Thread() { join(); }
  Thread(Thread&& other) noexcept { *this = std::move(other); }
  Thread& operator=(Thread&& other) noexcept {
    std::swap(thread_, other.thread_);
    std::swap(started_, other.started_);
    return *this;
  }

  bool started() const { return started_; }
  void join() {
    if (!started_) return;
    pthread_join(thread_, nullptr);
    started_ = false;
  }

 private:
  static void* call(void* argument) {
    const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
    (*work)();
    return nullptr;
  }

  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace headwater
