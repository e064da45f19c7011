// One call of `run` or `profile`, from its arguments to its promise.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>
#include <vector>

#include "addon_data.h"
#include "executor.h"

namespace headwater {

/** The images of the items, or what is wrong with them. */
struct Items {
  std::vector<Image> images;
  /** The typed arrays whose memory the images are. */
  std::vector<napi_value> arrays;
  std::string error;
};

/** @param items array of RunItem */
Items readItems(napi_env env, napi_value items, const Plan& plan);
/** The image of one RunItem, `repetitions` times. */
Items readRepeatedItem(napi_env env, napi_value item, int repetitions, const Plan& plan);

/**
 * Starts a run. `self`, the executor's object, lives at least until the run has ended, as do the items' arrays.
 * @returns the promise of RunResult, or of the steps' times when `profile`.
 */
napi_value startRun(napi_env env, const std::shared_ptr<AddonData>& data, Executor& executor, napi_value self, Items items,
                    bool profile);

}  // namespace headwater
