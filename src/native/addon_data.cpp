#include "addon_data.h"

#include <utility>
#include <vector>

#include "js_values.h"

namespace headwater {

std::shared_ptr<AddonData> AddonData::create(napi_env env) {
  auto data = std::make_shared<AddonData>();
  data->env_ = env;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, string(env, "headwater"), 0, 1, nullptr, nullptr, data.get(),
                                      settleOne, &data->wayBack_) != napi_ok ||
      napi_unref_threadsafe_function(env, data->wayBack_) != napi_ok) {
    return nullptr;
  }
  // Hooks run in reverse order: this one before the function's own, so no native thread is left that could call it.
  auto* kept = new std::shared_ptr<AddonData>(data);
  const auto forget = [](napi_env, void* pointer, void*) { delete static_cast<std::shared_ptr<AddonData>*>(pointer); };
  if (napi_add_env_cleanup_hook(env, environmentEnds, data.get()) != napi_ok ||
      napi_set_instance_data(env, kept, forget, nullptr) != napi_ok) {
    return nullptr;
  }
  return data;
}

std::shared_ptr<AddonData> AddonData::of(napi_env env) {
  void* kept = nullptr;
  if (napi_get_instance_data(env, &kept) != napi_ok || kept == nullptr) return nullptr;
  return *static_cast<std::shared_ptr<AddonData>*>(kept);
}

void AddonData::expect(std::unique_ptr<Completion> completion) {
  if (expected_.empty()) napi_ref_threadsafe_function(env_, wayBack_);
  Completion* key = completion.get();
  expected_.emplace(key, std::move(completion));
}

void AddonData::post(Completion& completion) {
  napi_call_threadsafe_function(wayBack_, &completion, napi_tsfn_nonblocking);
}

void AddonData::settleOne(napi_env env, napi_value, void* context, void* completion) {
  // Without an environment this is the emptying of a queue whose completions have been discarded.
  if (env == nullptr) return;
  auto* data = static_cast<AddonData*>(context);
  auto node = data->expected_.extract(static_cast<Completion*>(completion));
  if (node.empty()) return;
  if (data->expected_.empty()) napi_unref_threadsafe_function(env, data->wayBack_);
  node.mapped()->settle(env);
}

void AddonData::environmentEnds(void* pointer) {
  auto* data = static_cast<AddonData*>(pointer);
  for (ThreadOwner* owner : std::vector<ThreadOwner*>(data->owners_.begin(), data->owners_.end())) owner->endThreads();
  for (auto& [key, completion] : data->expected_) completion->discard(data->env_);
  data->expected_.clear();
  napi_release_threadsafe_function(data->wayBack_, napi_tsfn_abort);
}

}  // namespace headwater
