// Every enabled endpoint of this process, for the two moments that concern them all: fork (the child must let go of
// the daemon's sockets, or a parent that dies would look alive) and exit (what was sent must leave, DESIGN D7).
#pragma once

namespace weft::provider {

class EndpointBase;

class EndpointRegistry {
 public:
  static void add(EndpointBase& endpoint) noexcept;
  static void remove(EndpointBase& endpoint) noexcept;

  /// Held from before a socket to the daemon is made until the endpoint is added: a child that another thread forks
  /// meanwhile would keep that socket. A fork waits; the daemon answers in microseconds, or is given up after seconds.
  class Opening {
   public:
    Opening() noexcept;
    ~Opening();
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;
  };

  /// Installs the fork handlers; once.
  static void watch_forks() noexcept;
  /// The library is being unloaded: waits, bounded, until the endpoints still open have nothing in flight.
  static void linger_all() noexcept;

 private:
  static void lock_for_fork() noexcept;
  static void unlock_in_parent() noexcept;
  static void abandon_in_child() noexcept;
};

}  // namespace weft::provider
