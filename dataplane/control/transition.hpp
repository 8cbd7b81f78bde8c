// One way from the running deployment to the wanted one: the steps of an apply, and their undo. Internal to Controller.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/control/controller.hpp"
#include "dataplane/control/difference.hpp"

namespace weft {

class Controller::Transition {
 public:
  /// `rebooted`: names of instances to make anew though nothing about them differs.
  Transition(Controller& controller, std::shared_ptr<const Deployment> running,
             std::shared_ptr<const Deployment> wanted, const std::vector<std::string>& rebooted = {});

  /// Something has to come, change or go, or exists though it does not run in the running deployment, because an earlier
  /// change could not end it.
  bool has_work() const;

  /// Either the wanted deployment is in force and the warnings say what is left over, or everything is as it was.
  Result<std::vector<std::string>> run();

  /// For restore(): the instances exist already. Those that cannot be taken back are removed, with a warning.
  Result<std::vector<std::string>> take_back();

 private:
  using Attachments = Environment::Attachments;

  Result<void> prepare();  // all that can be undone, up to publication
  Result<void> remove_leftovers();
  Result<void> release_ports();
  Result<void> replace(const Instance& old, const Instance& instance);
  Result<void> create(const Instance& instance);
  Result<void> change(const Instance& old, const Instance& instance);
  Result<void> create_internet();
  Result<void> save(const std::shared_ptr<const Deployment>& deployment);
  Result<void> publish(const std::shared_ptr<const Deployment>& deployment, Attachments attachments);
  Result<void> open_efa(const Deployment& deployment, const Instance& instance);
  void close_efa(const Instance& instance);
  void finish();  // what comes after publication; failures become warnings
  void undo();
  void undo_by_removing(const std::string& name);
  void restore(Result<Attachments> ports, const std::string& name);
  bool take_back_internet();
  void step(std::string what) { controller_.report(std::move(what), done_++, total_); }

  Controller& controller_;
  Environment& environment_;
  std::shared_ptr<const Deployment> running_;  // may be null
  std::shared_ptr<const Deployment> wanted_;
  Difference difference_;
  std::vector<std::string> unknown_;  // leftovers by name

  Attachments added_;
  Attachments restored_;  // ports of what undo() had to make again
  std::vector<const Instance*> reopen_;
  std::vector<std::function<void()>> undo_;
  std::vector<std::string> warnings_;
  unsigned done_ = 0, total_ = 0;
};

}  // namespace weft
