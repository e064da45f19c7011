#include "run_call.h"

#include <optional>
#include <utility>

#include "js_values.h"

namespace headwater {

namespace {

// V8 ends the process instead of refusing more than there is memory for.
constexpr size_t kMostResultBytes = size_t{1} << 30;
// Images times steps of one call: counted in an int, and images are listed one by one.
constexpr size_t kMostStages = size_t{1} << 22;

/** Empty, or that `images` are too many for one call. */
std::string checkCount(size_t images, const Plan& plan) {
  const size_t resultBytes = images * plan.outputLength * sizeof(float);
  if (images * plan.steps.size() <= kMostStages && resultBytes <= kMostResultBytes) return "";
  return std::to_string(images) + " images are too many for one call";
}

/** A RunItem's properties. */
struct ItemProperties {
  std::optional<std::string> kind;
  std::optional<int64_t> count;
  napi_value data;
};

/** Runs the item's getters, if it has any. */
ItemProperties readProperties(napi_env env, napi_value item) {
  return {text(env, property(env, item, "kind")), integer(env, property(env, item, "count"), 0, 1 << 20),
          property(env, item, "data")};
}

/** Adds an item's images. Runs no JavaScript, which could free what was read before. @returns empty, or what is wrong with it */
std::string addImages(napi_env env, const ItemProperties& item, const Plan& plan, Items& items) {
  const auto& [kind, count, data] = item;
  const auto array = typedArray(env, data);
  if (!kind || (*kind != "pixels" && *kind != "input")) return "kind must be 'pixels' or 'input'";
  if (!count) return "count must be a whole number of images";
  const bool isPixels = *kind == "pixels";
  if (isPixels && plan.channels != 3) return "pixels need a network of 3 channels, this one takes " + std::to_string(plan.channels);
  const napi_typedarray_type wanted = isPixels ? napi_uint8_array : napi_float32_array;
  if (!array || array->type != wanted) return std::string("data must be a ") + (isPixels ? "Uint8Array" : "Float32Array");
  const size_t imageLength = plan.imageValues();
  if (array->length != imageLength * *count) {
    return "data has length " + std::to_string(array->length) + ", but " + std::to_string(*count) + " images of " +
           std::to_string(plan.height) + " x " + std::to_string(plan.width) + " x " + std::to_string(plan.channels) +
           " need " + std::to_string(imageLength * *count);
  }
  const std::string tooMany = checkCount(items.images.size() + *count, plan);
  if (!tooMany.empty()) return tooMany;
  items.arrays.push_back(data);
  for (int64_t i = 0; i < *count; i++) {
    const auto* pixels = static_cast<const uint8_t*>(array->data);
    const auto* input = static_cast<const float*>(array->data);
    items.images.push_back(isPixels ? Image{pixels + i * imageLength, nullptr} : Image{nullptr, input + i * imageLength});
  }
  return "";
}

class RunCall : public Completion {
 public:
  RunCall(Executor& executor, std::shared_ptr<AddonData> data, std::vector<Image> images, float* embeddings, double* times,
          size_t resultLength)
      : job_(*this, executor, std::move(images), embeddings, times), data_(std::move(data)), profile_(times != nullptr),
        resultLength_(resultLength) {}

  /** Keeps `objects`, the last of which is the result's ArrayBuffer. @returns the promise */
  napi_value hold(napi_env env, const std::vector<napi_value>& objects) {
    napi_value kept = nullptr;
    napi_value promise = nullptr;
    if (napi_create_array_with_length(env, objects.size(), &kept) != napi_ok) return nullptr;
    for (size_t i = 0; i < objects.size(); i++) {
      if (napi_set_element(env, kept, static_cast<uint32_t>(i), objects[i]) != napi_ok) return nullptr;
    }
    buffer_ = static_cast<uint32_t>(objects.size()) - 1;
    if (napi_create_reference(env, kept, 1, &kept_) != napi_ok) return nullptr;
    if (napi_create_promise(env, &deferred_, &promise) == napi_ok) return promise;
    napi_delete_reference(env, kept_);
    return nullptr;
  }

  Job& job() { return job_; }

  void settle(napi_env env) override {
    if (job_.outOfMemory()) {
      napi_reject_deferred(env, deferred_, error(env, "executor: not enough memory for another thread's arena"));
    } else {
      napi_resolve_deferred(env, deferred_, result(env));
    }
    napi_delete_reference(env, kept_);
  }

  void discard(napi_env env) override { napi_delete_reference(env, kept_); }

 private:
  class PostingJob : public RunJob {
   public:
    PostingJob(RunCall& call, Executor& executor, std::vector<Image> images, float* embeddings, double* times)
        : RunJob(executor, std::move(images), embeddings, times), call_(call) {}
    void done() override {
      call_.computeMs_ = computeMs();
      call_.data_->post(call_);
    }

   private:
    RunCall& call_;
  };

  napi_value result(napi_env env) const {
    napi_value kept, buffer, array, object;
    napi_get_reference_value(env, kept_, &kept);
    napi_get_element(env, kept, buffer_, &buffer);
    napi_create_typedarray(env, profile_ ? napi_float64_array : napi_float32_array, resultLength_, buffer, 0, &array);
    if (profile_) return array;
    napi_create_object(env, &object);
    napi_set_named_property(env, object, "embeddings", array);
    napi_set_named_property(env, object, "computeMs", number(env, computeMs_));
    return object;
  }

  PostingJob job_;
  std::shared_ptr<AddonData> data_;
  const bool profile_;
  const size_t resultLength_;
  double computeMs_ = 0;
  uint32_t buffer_ = 0;
  napi_ref kept_ = nullptr;
  napi_deferred deferred_ = nullptr;
};

}  // namespace

Items readItems(napi_env env, napi_value value, const Plan& plan) {
  Items items;
  bool isArray = false;
  uint32_t count = 0;
  if (napi_is_array(env, value, &isArray) != napi_ok || !isArray || napi_get_array_length(env, value, &count) != napi_ok) {
    items.error = "run: items must be an array";
    return items;
  }
  std::vector<ItemProperties> properties;
  for (uint32_t i = 0; i < count; i++) properties.push_back(readProperties(env, element(env, value, i)));
  for (uint32_t i = 0; i < count; i++) {
    const std::string fault = addImages(env, properties[i], plan, items);
    if (fault.empty()) continue;
    items.error = "run: item " + std::to_string(i) + ": " + fault;
    break;
  }
  return items;
}

Items readRepeatedItem(napi_env env, napi_value item, int repetitions, const Plan& plan) {
  Items items;
  const std::string fault = addImages(env, readProperties(env, item), plan, items);
  if (!fault.empty()) {
    items.error = "profile: item: " + fault;
  } else if (items.images.size() != 1) {
    items.error = "profile: item: count must be 1";
  } else if (const std::string tooMany = checkCount(repetitions, plan); !tooMany.empty()) {
    items.error = "profile: repetitions: " + tooMany;
  } else {
    items.images.resize(repetitions, Image(items.images[0]));
  }
  return items;
}

napi_value startRun(napi_env env, const std::shared_ptr<AddonData>& data, Executor& executor, napi_value self, Items items,
                    bool profile) {
  const Plan& plan = executor.plan();
  const size_t images = items.images.size();
  const size_t embeddings = images * plan.outputLength;
  const size_t times = images * plan.steps.size();
  napi_value buffer;
  void* memory = nullptr;
  const size_t bytes = profile ? times * sizeof(double) : embeddings * sizeof(float);
  if (napi_create_arraybuffer(env, bytes, &memory, &buffer) != napi_ok) return rejectedPromise(env, "run: not enough memory for the result");

  auto call = std::make_unique<RunCall>(executor, data, std::move(items.images), profile ? nullptr : static_cast<float*>(memory),
                                        profile ? static_cast<double*>(memory) : nullptr, profile ? times : embeddings);
  std::vector<napi_value> objects = std::move(items.arrays);
  objects.push_back(self);
  objects.push_back(buffer);
  const napi_value promise = call->hold(env, objects);
  if (promise == nullptr) return rejectedPromise(env, "run: Node.js gives no promise");
  RunCall& running = *call;
  data->expect(std::move(call));
  if (images > 0) {
    executor.submit(running.job());
  } else {
    data->post(running);
  }
  return promise;
}

}  // namespace headwater
