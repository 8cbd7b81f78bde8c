#include "instances/instance_set.hpp"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "instances/change_interfaces.hpp"
#include "instances/guest_counters.hpp"

namespace weft::holder {
namespace {

Reply refused(const Error& error) { return {error_body(error), {}}; }

Reply no_such_instance(const std::string& name) {
  return refused({"InvalidInstanceID.NotFound", "there is no instance '" + name + "'; `weft ps` lists them", {}});
}

std::set<NamespaceId> identities(const InstanceNamespaces& instance) {
  std::set<NamespaceId> ids;
  for (const UniqueFd* fd : {&instance.network, &instance.mount, &instance.uts})
    if (auto id = identify(fd->get())) ids.insert(*id);
  return ids;
}

/// Closing the last descriptor of a TAP waits some 30 ms for the kernel to forget it. A persistent one goes with its
/// network namespace, which the kernel tears down by itself, all at once.
void let_go_quickly(const InstanceNamespaces& instance) {
  for (const KeptInterface& interface : instance.interfaces) ::ioctl(interface.tap.get(), TUNSETPERSIST, 1);
}

/// TAPs and whose they are: all, or those that no reply has carried yet.
Reply hand_over(InstanceNamespaces& instance, bool all) {
  Reply reply;
  reply.body["interfaces"] = nlohmann::json::array();
  for (KeptInterface& interface : instance.interfaces) {
    if (!all && interface.handed_over) continue;
    reply.body["interfaces"].push_back(interface.description.eni_id);
    reply.descriptors.push_back(interface.tap.get());
    interface.handed_over = true;
  }
  return reply;
}

}  // namespace

InstanceSet::InstanceSet(SharedFiles files, SharedFile hosts, SharedFile outside_hosts, SharedFile resolver,
                         UniqueFd user_namespace)
    : files_(std::move(files)),
      hosts_(std::move(hosts)),
      outside_hosts_(std::move(outside_hosts)),
      resolver_(std::move(resolver)),
      user_namespace_(std::move(user_namespace)) {}

Reply InstanceSet::create(const nlohmann::json& request) {
  auto guest = decode_instance(request.at("instance"));
  if (!guest) return refused(guest.error());
  if (contains(guest->name))
    return refused({"Weft.InstanceExists", "an instance '" + guest->name + "' exists already", {}});
  auto made = make_instance(*guest, files_);
  if (!made) return refused({made.error().code, guest->name + ": " + made.error().message, {}});
  instances_.emplace(guest->name, std::move(*made));
  return handles(guest->name);
}

Reply InstanceSet::change(const nlohmann::json& request) {
  auto guest = decode_instance(request.at("instance"));
  if (!guest) return refused(guest.error());
  const auto found = instances_.find(guest->name);
  if (found == instances_.end()) return no_such_instance(guest->name);
  if (auto changed = change_interfaces(found->second, *guest); !changed)
    return refused({changed.error().code, guest->name + ": " + changed.error().message, {}});
  return hand_over(found->second, false);
}

Reply InstanceSet::handles(const std::string& name) {
  const auto found = instances_.find(name);
  if (found == instances_.end()) return no_such_instance(name);
  Reply reply = hand_over(found->second, true);
  const UniqueFd& listener = found->second.efa_listener;
  reply.body["efa"] = static_cast<bool>(listener);
  if (listener) reply.descriptors.push_back(listener.get());
  return reply;
}

Reply InstanceSet::namespaces(const std::string& name) const {
  const auto found = instances_.find(name);
  if (found == instances_.end()) return no_such_instance(name);
  const InstanceNamespaces& instance = found->second;
  Reply reply;
  reply.descriptors = {instance.network.get(), instance.mount.get(), instance.uts.get()};
  if (user_namespace_) reply.descriptors.push_back(user_namespace_.get());
  return reply;
}

Reply InstanceSet::names() const {
  Reply reply;
  reply.body["instances"] = nlohmann::json::array();
  for (const auto& [name, instance] : instances_) reply.body["instances"].push_back(name);
  return reply;
}

Reply InstanceSet::set_hosts(const nlohmann::json& request) {
  const auto inside = hosts_text(request.at("hosts").get<HostList>());
  if (!inside) return refused(inside.error());
  const auto outside = hosts_text(request.at("outside").get<HostList>());
  if (!outside) return refused(outside.error());
  if (auto done = hosts_.rewrite(*inside); !done) return refused(done.error());
  if (auto done = outside_hosts_.rewrite(*outside); !done) return refused(done.error());
  return {};
}

Reply InstanceSet::set_resolver(const nlohmann::json& request) {
  const auto text = resolver_text({request.at("servers").get<std::vector<std::string>>(),
                                   request.at("search").get<std::string>()});
  if (!text) return refused(text.error());
  if (auto done = resolver_.rewrite(*text); !done) return refused(done.error());
  return {};
}

std::set<NamespaceId> InstanceSet::all_identities() const {
  std::set<NamespaceId> ids;
  for (const auto& [name, instance] : instances_) ids.merge(identities(instance));
  return ids;
}

bool InstanceSet::is_guest(pid_t pid) const { return lives_in(pid, all_identities()); }

Reply InstanceSet::remove(const std::string& name) {
  const auto found = instances_.find(name);
  if (found == instances_.end()) return no_such_instance(name);
  const auto ids = identities(found->second);
  // Out of the set first: who is just entering asks once more when inside, and is refused (enter.cpp).
  const InstanceNamespaces leaving = std::move(found->second);
  instances_.erase(found);
  end_processes_in(ids);
  let_go_quickly(leaving);
  forget_guest_counters(files_.runtime_directory, name);
  return {};
}

void InstanceSet::remove_all() {
  std::set<NamespaceId> ids = all_identities();
  if (user_namespace_)
    if (auto id = identify(user_namespace_.get())) ids.insert(*id);
  end_processes_in(ids);
  for (const auto& [name, instance] : instances_) {
    let_go_quickly(instance);
    forget_guest_counters(files_.runtime_directory, name);
  }
  instances_.clear();
  for (const std::string* file : {&files_.hosts, &files_.outside_hosts, &files_.resolver, &files_.outside_resolver})
    ::unlink(file->c_str());
}

}  // namespace weft::holder
