// Damages good plans at random (seeded) and loads them; what is taken is run. To be built with sanitizers: whatever a damaged plan says,
// it is refused or stays within its memory.
//
//   fuzz_plan FILE SEED ROUNDS [good|bad]
//
// FILE: int32 number of plans, then of each int32 words, the words, int32 bytes, the constants. good: none is damaged, all must run; bad: none is
// damaged, all must be refused.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../executor.h"
#include "../isa.h"

namespace headwater {
namespace {

struct EncodedPlan {
  std::vector<int32_t> words;
  std::vector<uint8_t> constants;
};

using Random = std::mt19937;

int below(Random& random, size_t bound) { return static_cast<int>(random() % bound); }

std::vector<EncodedPlan> readPlans(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const auto read = [&file](void* to, size_t bytes) { file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes)); };
  int32_t count = 0;
  read(&count, sizeof count);
  std::vector<EncodedPlan> plans(count);
  for (EncodedPlan& plan : plans) {
    int32_t length = 0;
    read(&length, sizeof length);
    plan.words.resize(length);
    read(plan.words.data(), plan.words.size() * sizeof(int32_t));
    read(&length, sizeof length);
    plan.constants.resize(length);
    read(plan.constants.data(), plan.constants.size());
  }
  if (!file) std::exit(2);
  return plans;
}

/** Numbers around those that matter: a little more or less, a multiple, a limit, another word, anything. */
int32_t damaged(Random& random, int32_t value, int32_t other) {
  static constexpr int32_t kLimits[] = {0, -1, 1, 15, 16, 17, 1 << 10, 1 << 16, 1 << 20, 1 << 27, INT32_MAX, INT32_MIN};
  switch (below(random, 6)) {
    case 0: return static_cast<int32_t>(static_cast<uint32_t>(value) + 1 + random() % 4);
    case 1: return static_cast<int32_t>(static_cast<uint32_t>(value) - 1 - random() % 4);
    case 2: return static_cast<int32_t>(static_cast<uint32_t>(value) << (1 + random() % 8));
    case 3: return kLimits[below(random, std::size(kLimits))];
    case 4: return other;
    default: return static_cast<int32_t>(random());
  }
}

void damage(Random& random, EncodedPlan& plan) {
  constexpr size_t kArenaVectors = 4;
  for (int i = 1 + below(random, 3); i > 0; i--) {
    if (below(random, 3) == 0 && !plan.constants.empty()) {
      // As 16-bit numbers: offsets, rows, and halves of the others.
      const size_t at = 2 * below(random, plan.constants.size() / 2);
      uint16_t value;
      std::memcpy(&value, plan.constants.data() + at, sizeof value);
      value = static_cast<uint16_t>(damaged(random, value, 0));
      std::memcpy(plan.constants.data() + at, &value, sizeof value);
    } else {
      const size_t at = 1 + below(random, plan.words.size() - 1);
      const int32_t other = plan.words[below(random, plan.words.size())];
      plan.words[at] = damaged(random, plan.words[at], other);
    }
  }
  // In a large arena larger numbers are right, so that more of them meet in sums and products.
  if (below(random, 4) == 0) plan.words[kArenaVectors] = (1 << 27) - 1 - below(random, 1 << 12);
}

class WaitedJob : public RunJob {
 public:
  using RunJob::RunJob;
  void done() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
    ended_.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
};

void run(Plan plan, const Kernels& kernels, int threads) {
  const std::vector<uint8_t> pixels(plan.imageValues(), 77);
  const std::vector<float> input(plan.imageValues(), 0.5f);
  const size_t length = plan.outputLength;
  std::vector<float> embeddings(threads * 4 * length);
  Normalisation normalisation{std::vector<float>(plan.channels * 256, 0.25f), {0, 1, 2}};
  const Image image = plan.channels == 3 ? Image{pixels.data(), nullptr} : Image{nullptr, input.data()};
  Executor executor(std::move(plan), kernels, std::move(normalisation), threads);
  if (!executor.problem().empty()) std::exit(3);
  std::deque<WaitedJob> jobs;
  for (int i = 0; i < threads; i++) {
    std::vector<Image> images(threads == 1 ? 1 : 2 + i, image);
    jobs.emplace_back(executor, std::move(images), embeddings.data() + i * 4 * length, nullptr);
  }
  for (WaitedJob& job : jobs) executor.submit(job);
  for (WaitedJob& job : jobs) job.wait();
  executor.close();
}

/** Exit status 0 when each plan is refused. */
int refuse(const char* path) {
  for (const EncodedPlan& encoded : readPlans(path)) {
    Plan plan;
    const std::string error = loadPlan(encoded.words.data(), encoded.words.size(), encoded.constants.data(), encoded.constants.size(), plan);
    std::printf("%s\n", error.c_str());
    if (error.empty()) return 1;
  }
  return 0;
}

int fuzz(const char* path, unsigned seed, int rounds, bool damages) {
  const std::vector<EncodedPlan> plans = readPlans(path);
  const std::vector<const Kernels*> kernels = usableKernels();
  int taken = 0;
  for (int round = 0; round < rounds; round++) {
    Random random(seed + round);
    EncodedPlan encoded = plans[below(random, plans.size())];
    const bool isGood = !damages || round < static_cast<int>(plans.size());
    if (isGood) encoded = plans[round % plans.size()];
    else damage(random, encoded);
    Plan plan;
    const std::string error = loadPlan(encoded.words.data(), encoded.words.size(), encoded.constants.data(), encoded.constants.size(), plan);
    if (isGood && !error.empty()) {
      std::printf("a good plan is refused: %s\n", error.c_str());
      return 1;
    }
    // Large images and arenas are no fault, but slow to run here: checking them is what finds faults.
    if (!error.empty() || plan.imageValues() > 1 << 22 || plan.arenaVectors >= 1 << 13) continue;
    taken++;
    run(std::move(plan), *kernels[round % kernels.size()], 1 + round % 3);
  }
  std::printf("%d of %d plans taken and run\n", taken, rounds);
  return 0;
}

}  // namespace
}  // namespace headwater

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const bool damages = count == 4;
  if (!damages && std::string(arguments[4]) == "bad") return headwater::refuse(arguments[1]);
  return headwater::fuzz(arguments[1], static_cast<unsigned>(std::atoi(arguments[2])), std::atoi(arguments[3]), damages);
}
