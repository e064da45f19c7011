// What the addon keeps for one JavaScript environment (the main thread, or a worker): the way back from native threads, and who uses it.
#pragma once

#include <node_api.h>

#include <memory>
#include <unordered_map>
#include <unordered_set>

namespace headwater {

/** Something that native threads end and that the JavaScript thread then settles. */
class Completion {
 public:
  virtual ~Completion() = default;
  /** On the JavaScript thread, after `AddonData::post`. */
  virtual void settle(napi_env env) = 0;
  /** Instead of `settle` when the environment ends: no JavaScript can run any more, no native thread touches it any more. */
  virtual void discard(napi_env env) = 0;
};

/** Owns native threads that must not outlive the environment. */
class ThreadOwner {
 public:
  virtual ~ThreadOwner() = default;
  /** Blocks until its threads have ended. */
  virtual void endThreads() = 0;
};

class AddonData {
 public:
  /** Made once an environment. Null when Node refuses. */
  static std::shared_ptr<AddonData> create(napi_env env);
  /** Of this environment. */
  static std::shared_ptr<AddonData> of(napi_env env);

  /** While completions are expected, the event loop lives on. */
  void expect(std::unique_ptr<Completion> completion);
  /** From any thread. The completion must have been expected. */
  void post(Completion& completion);

  void add(ThreadOwner& owner) { owners_.insert(&owner); }
  void remove(ThreadOwner& owner) { owners_.erase(&owner); }

 private:
  static void settleOne(napi_env env, napi_value callback, void* context, void* completion);
  static void environmentEnds(void* data);

  napi_env env_ = nullptr;
  napi_threadsafe_function wayBack_ = nullptr;
  std::unordered_map<Completion*, std::unique_ptr<Completion>> expected_;
  std::unordered_set<ThreadOwner*> owners_;
};

}  // namespace headwater
