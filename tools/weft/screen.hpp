// A terminal that is drawn again and again: the alternate screen, without flicker and without echo, and put back as it was.
// Plain ECMA-48 and xterm's alternate screen, which every terminal of today has; so there is no library for it.
#pragma once

#include <termios.h>

#include <string>

namespace weft::cli {

class Screen {
 public:
  /// Standard output and input are terminals.
  static bool possible();

  Screen();
  ~Screen();  // also when SIGINT or SIGTERM asked for the end: wait() returns, and whoever waits leaves
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    unsigned columns = 80, lines = 24;
  };
  Size size() const;

  /// Lines with '\n' between. What was there before and is not any more is erased, line by line.
  void draw(const std::string& text);

  enum class Event { kTime, kKey, kResized, kEnd };
  /// Until `milliseconds` have passed, a key (then `key()`), another size, or the wish to end: q, Ctrl-C, no terminal any more.
  Event wait(int milliseconds);
  char key() const { return key_; }

 private:
  termios before_{};
  int signals_ = -1;  // SIGINT, SIGTERM, SIGHUP, SIGWINCH
  char key_ = 0;
};

}  // namespace weft::cli
