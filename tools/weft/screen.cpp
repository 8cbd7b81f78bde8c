#include "tools/weft/screen.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

namespace weft::cli {
namespace {

constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";  // the alternate screen, no cursor
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";

sigset_t the_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&set, signal);
  return set;
}

void show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

bool Screen::possible() { return ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDIN_FILENO) == 1; }

Screen::Screen() {
  const sigset_t set = the_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  ::tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a shell in the alternate screen helps nobody
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  show(kEnter);
}

Screen::~Screen() {
  show(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  ::close(signals_);
  const sigset_t set = the_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Screen::Size Screen::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

void Screen::draw(const std::string& text) {
  // Each line is erased before it is written: behind one that fills the screen's width, the cursor is still on its last column.
  const std::size_t last = text.rfind('\n') + 1;  // 0 without
  std::string all = "\x1b[H";                     // to the top left
  for (std::size_t at = 0; at < last;) {
    const std::size_t end = text.find('\n', at) + 1;
    (all += "\x1b[K").append(text, at, end - at);
    at = end;
  }
  show((all += "\x1b[J").append(text, last));  // and all below
}

Screen::Event Screen::wait(int milliseconds) {
  pollfd polled[] = {{STDIN_FILENO, POLLIN, 0}, {signals_, POLLIN, 0}};
  if (::poll(polled, 2, milliseconds) <= 0) return Event::kTime;
  if (polled[1].revents != 0) {
    signalfd_siginfo info{};
    const bool read = ::read(signals_, &info, sizeof info) == sizeof info;
    return read && info.ssi_signo == SIGWINCH ? Event::kResized : Event::kEnd;
  }
  if (::read(STDIN_FILENO, &key_, 1) != 1) return Event::kEnd;
  return key_ == 'q' || key_ == 'Q' ? Event::kEnd : Event::kKey;
}

}  // namespace weft::cli
