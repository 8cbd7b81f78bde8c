// Looks now and then at the links of devices that do not report a change of theirs. One thread for all of them, which
// there is only while there are such devices; so no worker asks for a link.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace weft::ethdev {

class LinkWatch {
 public:
  static constexpr std::chrono::milliseconds kInterval{100};

  static LinkWatch& instance();
  ~LinkWatch();

  /// Calls `look` every kInterval, on the watch's thread, until remove().
  void add(const void* who, std::function<void()> look);
  /// When it returns, `look` is not running and will not run again. Not from `look` itself.
  void remove(const void* who);

 private:
  void run(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<const void*, std::function<void()>> looks_;
  std::jthread thread_;  // while looks_ is not empty
};

}  // namespace weft::ethdev
