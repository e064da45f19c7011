#include "executor_object.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon_data.h"
#include "executor.h"
#include "isa.h"
#include "js_values.h"
#include "run_call.h"
#include "thread.h"

namespace headwater {

namespace {

constexpr int kMostThreads = 512;  // as mostThreads in executor.ts
constexpr int kMostRepetitions = 10000;
// Marks our objects, so that a method called on any other object throws instead of following a wrong pointer.
constexpr napi_type_tag kTypeTag = {0x6865616477617465, 0x7265786563757431};

class CloseCall;

/** Lives as long as the JavaScript object. All on the JavaScript thread. */
class ExecutorObject : public ThreadOwner {
 public:
  ExecutorObject(std::shared_ptr<AddonData> data, std::unique_ptr<Executor> executor)
      : executor(std::move(executor)), data(std::move(data)) {
    this->data->add(*this);
  }
  ~ExecutorObject() override {
    endThreads();
    data->remove(*this);
  }

  void endThreads() override {
    executor->hurry();
    closer.join();
    executor->close();
  }

  const std::unique_ptr<Executor> executor;
  const std::shared_ptr<AddonData> data;
  /** Since the first `close`. */
  bool closed = false;
  /** Until it has ended. */
  CloseCall* closing = nullptr;
  /** Runs while `close` waits for calls to end. */
  Thread closer;
};

/** The first call of `close`, and those that come before it has ended. On the JavaScript thread. */
class CloseCall : public Completion {
 public:
  CloseCall(ExecutorObject& object, napi_ref self) : object_(object), self_(self) {}

  void alsoSettle(napi_deferred deferred) { deferreds_.push_back(deferred); }

  void settle(napi_env env) override {
    object_.closer.join();
    object_.closing = nullptr;
    for (napi_deferred deferred : deferreds_) napi_resolve_deferred(env, deferred, undefined(env));
    napi_delete_reference(env, self_);
  }
  void discard(napi_env env) override { napi_delete_reference(env, self_); }

 private:
  ExecutorObject& object_;
  std::vector<napi_deferred> deferreds_;
  napi_ref self_;
};

struct Arguments {
  napi_value self;
  napi_value values[3];
  /** Null, and an error thrown, when `self` is no executor. */
  ExecutorObject* object;
};

Arguments readArguments(napi_env env, napi_callback_info info) {
  Arguments arguments{};
  size_t count = 3;
  napi_get_cb_info(env, info, &count, arguments.values, &arguments.self, nullptr);
  bool ours = false;
  void* object = nullptr;
  if (napi_check_object_type_tag(env, arguments.self, &kTypeTag, &ours) == napi_ok && ours &&
      napi_unwrap(env, arguments.self, &object) == napi_ok) {
    arguments.object = static_cast<ExecutorObject*>(object);
  } else {
    throwError(env, "this is no executor");
  }
  return arguments;
}

napi_value run(napi_env env, napi_callback_info info) {
  const Arguments arguments = readArguments(env, info);
  if (arguments.object == nullptr) return nullptr;
  Executor& executor = *arguments.object->executor;
  Items items = readItems(env, arguments.values[0], executor.plan());
  // Asked for afterwards: getters of items may have closed it.
  if (arguments.object->closed) return rejectedPromise(env, "run: the executor is closed");
  if (!items.error.empty()) return rejectedPromise(env, items.error);
  return startRun(env, arguments.object->data, executor, arguments.self, std::move(items), false);
}

napi_value profile(napi_env env, napi_callback_info info) {
  const Arguments arguments = readArguments(env, info);
  if (arguments.object == nullptr) return nullptr;
  const auto repetitions = integer(env, arguments.values[1], 1, kMostRepetitions);
  if (!repetitions) {
    return rejectedPromise(env, "profile: repetitions must be a whole number from 1 to " + std::to_string(kMostRepetitions));
  }
  Executor& executor = *arguments.object->executor;
  Items items = readRepeatedItem(env, arguments.values[0], static_cast<int>(*repetitions), executor.plan());
  if (arguments.object->closed) return rejectedPromise(env, "profile: the executor is closed");
  if (!items.error.empty()) return rejectedPromise(env, items.error);
  return startRun(env, arguments.object->data, executor, arguments.self, std::move(items), true);
}

napi_value close(napi_env env, napi_callback_info info) {
  const Arguments arguments = readArguments(env, info);
  if (arguments.object == nullptr) return nullptr;
  ExecutorObject& object = *arguments.object;
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return throwError(env, "close: Node.js gives no promise");
  if (object.closing != nullptr) {
    object.closing->alsoSettle(deferred);
    return promise;
  }
  if (object.closed) {
    napi_resolve_deferred(env, deferred, undefined(env));
    return promise;
  }
  napi_ref self = nullptr;
  if (napi_create_reference(env, arguments.self, 1, &self) != napi_ok) {
    napi_reject_deferred(env, deferred, error(env, "close: Node.js gives no reference"));
    return promise;
  }
  auto call = std::make_unique<CloseCall>(object, self);
  CloseCall& posted = *call;
  posted.alsoSettle(deferred);
  object.closed = true;
  object.closing = &posted;
  object.data->expect(std::move(call));
  // Waiting for calls, joining threads and unmapping memory take time that the event loop must not lose.
  const auto end = [&object, &posted] {
    object.executor->drain();
    object.executor->close();
    object.data->post(posted);
  };
  object.closer = Thread(end);
  if (!object.closer.started()) end();
  return promise;
}

napi_value bytes(napi_env env, napi_callback_info info) {
  const Arguments arguments = readArguments(env, info);
  if (arguments.object == nullptr) return nullptr;
  return number(env, static_cast<double>(arguments.object->executor->bytes()));
}

/** Empty when `options` are right, else what is wrong with them. */
std::string readOptions(napi_env env, napi_value options, const Plan& plan, const Kernels*& kernels, int& threads,
                        Normalisation& normalisation) {
  const auto wantedThreads = integer(env, property(env, options, "threads"), 1, kMostThreads);
  if (!wantedThreads) return "threads must be a whole number from 1 to " + std::to_string(kMostThreads);
  threads = static_cast<int>(*wantedThreads);
  const auto isa = text(env, property(env, options, "isa"));
  if (!isa) return "isa must be auto, avx512, avx2, neon or scalar";
  kernels = findKernels(*isa);
  if (kernels == nullptr) return "this machine has no instruction set " + *isa;
  const auto table = typedArray(env, property(env, options, "normalise"));
  const size_t tableLength = static_cast<size_t>(plan.channels) * 256;
  if (!table || table->type != napi_float32_array || table->length != tableLength) {
    return "normalise must be a Float32Array of length " + std::to_string(tableLength);
  }
  const auto* values = static_cast<const float*>(table->data);
  normalisation.table.assign(values, values + table->length);
  const napi_value channels = property(env, options, "pixelChannels");
  for (uint32_t i = 0; i < 3; i++) {
    const auto channel = integer(env, element(env, channels, i), 0, 2);
    if (!channel) return "pixelChannels must be three numbers from 0 to 2";
    normalisation.pixelChannel[i] = static_cast<int>(*channel);
  }
  return "";
}

napi_value makeObject(napi_env env, std::unique_ptr<ExecutorObject> object) {
  const Executor& executor = *object->executor;
  const auto constant = [](const char* name, napi_value value) {
    return napi_property_descriptor{name, nullptr, nullptr, nullptr, nullptr, value, napi_enumerable, nullptr};
  };
  const auto method = [](const char* name, napi_callback call) {
    return napi_property_descriptor{name, nullptr, call, nullptr, nullptr, nullptr, napi_default, nullptr};
  };
  const napi_property_descriptor properties[] = {
      constant("isa", string(env, executor.kernels().isa)),
      constant("threads", number(env, executor.threads())),
      {"bytes", nullptr, nullptr, bytes, nullptr, nullptr, napi_enumerable, nullptr},
      method("run", run),
      method("profile", profile),
      method("close", close),
  };
  const auto forget = [](napi_env, void* pointer, void*) { delete static_cast<ExecutorObject*>(pointer); };
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return nullptr;
  if (napi_define_properties(env, result, sizeof properties / sizeof *properties, properties) != napi_ok) return nullptr;
  if (napi_type_tag_object(env, result, &kTypeTag) != napi_ok) return nullptr;
  if (napi_wrap(env, result, object.get(), forget, nullptr, nullptr) != napi_ok) return nullptr;
  object.release();
  return result;
}

}  // namespace

napi_value createExecutor(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3] = {};
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const auto words = typedArray(env, arguments[0]);
  const auto constants = typedArray(env, arguments[1]);
  if (!words || words->type != napi_int32_array) return throwError(env, "createExecutor: the plan must be an Int32Array");
  if (!constants || constants->type != napi_uint8_array) {
    return throwError(env, "createExecutor: the constants must be a Uint8Array");
  }
  Plan plan;
  const std::string fault = loadPlan(static_cast<const int32_t*>(words->data), words->length,
                                     static_cast<const uint8_t*>(constants->data), constants->length, plan);
  if (!fault.empty()) return throwError(env, fault);
  const Kernels* kernels = nullptr;
  int threads = 0;
  Normalisation normalisation{};
  const std::string wrong = readOptions(env, arguments[2], plan, kernels, threads, normalisation);
  if (!wrong.empty()) return throwError(env, "createExecutor: " + wrong);
  auto executor = std::make_unique<Executor>(std::move(plan), *kernels, std::move(normalisation), threads);
  if (!executor->problem().empty()) return throwError(env, "createExecutor: " + executor->problem());
  return makeObject(env, std::make_unique<ExecutorObject>(AddonData::of(env), std::move(executor)));
}

}  // namespace headwater
