// What a fuzz target is without libFuzzer: an ordinary unit test over its kept corpus. Every file goes in as it is, cut
// off after each byte, with each bit turned over, and changed at random, always in a heap block of exactly its length,
// so that AddressSanitizer sees the first byte that is read too far.
//
// Every file as it is, always; what is made of them until the time is up, turn by turn, so that each file gets its share
// of a slow target's time.
//
//   fuzz_replay_NAME DIRECTORY|FILE...      WEFT_FUZZ_SEED=n repeats a run, WEFT_FUZZ_ROUNDS=n is how many per file,
//                                           WEFT_FUZZ_SECONDS=n how long all of them may take together
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kFlippedBytes = 512;  // of one file; behind them mutations are random only

std::size_t executed = 0;

void execute(const Bytes& input, std::size_t length) {
  const auto exact = std::make_unique<std::uint8_t[]>(length);
  std::copy_n(input.begin(), length, exact.get());
  LLVMFuzzerTestOneInput(exact.get(), length);
  ++executed;
}

std::vector<Bytes> read_files(int count, char** paths) {
  std::vector<std::filesystem::path> names;
  for (int i = 1; i < count; ++i) {
    if (!std::filesystem::is_directory(paths[i]))
      names.emplace_back(paths[i]);
    else
      for (const auto& entry : std::filesystem::directory_iterator(paths[i])) names.push_back(entry.path());
  }
  std::sort(names.begin(), names.end());  // so that a seed means the same everywhere
  std::vector<Bytes> files;
  for (const auto& name : names) {
    std::ifstream file(name, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

void mutate(Bytes& input, std::mt19937& random, const std::vector<Bytes>& files) {
  constexpr std::uint8_t kInteresting[] = {0, 1, 2, 4, 8, 16, 63, 64, 127, 128, 192, 254, 255};
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  if (input.empty()) input.push_back(0);
  const std::size_t at = below(input.size());
  const auto here = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random() % 6) {
    case 0: *here = static_cast<std::uint8_t>(random()); break;
    case 1: *here = kInteresting[below(std::size(kInteresting))]; break;
    case 2:
      input.erase(here, here + static_cast<std::ptrdiff_t>(1 + below(std::min<std::size_t>(8, input.size() - at))));
      break;
    case 3: input.insert(here, 1 + below(8), static_cast<std::uint8_t>(random())); break;
    case 4: {  // the rest of another file
      const Bytes& other = files[below(files.size())];
      input.resize(at);
      input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(std::min(at, other.size())), other.end());
      break;
    }
    default: {  // a piece of itself again
      const Bytes piece(here,
                        here + static_cast<std::ptrdiff_t>(below(std::min<std::size_t>(64, input.size() - at) + 1)));
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size())), piece.begin(), piece.end());
    }
  }
}

std::uint32_t number(const char* variable, std::uint32_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

/// What is made of one file, one at a time: each cut, each bit, then random changes.
class Variations {
 public:
  Variations(const Bytes& file, std::uint32_t rounds)
      : file_(&file), flips_(std::min(file.size(), kFlippedBytes) * 8), total_(file.size() + flips_ + rounds) {}

  bool ended() const { return next_ == total_; }
  void execute_next(std::mt19937& random, const std::vector<Bytes>& files) {
    const std::size_t step = next_++;
    if (step < file_->size()) return execute(*file_, step);
    Bytes input = *file_;
    if (const std::size_t bit = step - file_->size(); bit < flips_)
      input[bit / 8] = static_cast<std::uint8_t>(input[bit / 8] ^ 1U << bit % 8);
    else
      for (unsigned changes = 1 + random() % 4; changes > 0; --changes) mutate(input, random, files);
    execute(input, input.size());
  }

 private:
  const Bytes* file_;
  std::size_t flips_, total_, next_ = 0;
};

}  // namespace

int main(int count, char** paths) {
  const std::vector<Bytes> files = read_files(count, paths);
  if (files.empty()) {
    std::fprintf(stderr, "no corpus: give a directory of files\n");
    return 1;
  }
  const std::uint32_t seed = number("WEFT_FUZZ_SEED", std::random_device()());
  const std::uint32_t rounds = number("WEFT_FUZZ_ROUNDS", 500);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(number("WEFT_FUZZ_SECONDS", 2));
  std::printf("WEFT_FUZZ_SEED=%u\n", seed);
  std::fflush(stdout);
  std::mt19937 random(seed);
  std::vector<Variations> variations;
  for (const Bytes& file : files) {
    execute(file, file.size());
    variations.emplace_back(file, rounds);
  }
  bool all = false;
  while (!all && std::chrono::steady_clock::now() < end) {
    all = true;
    for (Variations& one : variations) {
      if (one.ended()) continue;
      all = false;
      one.execute_next(random, files);
    }
  }
  std::printf("%zu files, %zu inputs%s\n", files.size(), executed, all ? "" : ", when the time was up");
  return 0;
}
