#include "drivers/ethdev/rss.hpp"

#include "dataplane/net/symmetric_rss.hpp"

namespace weft::ethdev {
namespace {

constexpr unsigned kUsualKeyBytes = 40;  // of a card that does not say how long its key is
constexpr std::uint64_t kFields = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

}  // namespace

bool ask_for_rss(const rte_eth_dev_info& info, rte_eth_conf& configuration, std::vector<std::uint8_t>& key) {
  const std::uint64_t fields = kFields & info.flow_type_rss_offloads;
  if (fields == 0) return false;
  key.resize(info.hash_key_size != 0 ? info.hash_key_size : kUsualKeyBytes);
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::uint8_t>(i % 2 == 0 ? kSymmetricRssKey >> 8 : kSymmetricRssKey & 0xff);
  configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  configuration.rx_adv_conf.rss_conf.rss_key = key.data();
  configuration.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key.size());
  configuration.rx_adv_conf.rss_conf.rss_hf = fields;
  return true;
}

int fill_indirection_table(std::uint16_t port, const rte_eth_dev_info& info, std::uint16_t queues) {
  const unsigned entries = info.reta_size;
  if (entries == 0) return -ENOTSUP;
  std::vector<rte_eth_rss_reta_entry64> groups((entries + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
  for (unsigned i = 0; i < entries; ++i) {
    rte_eth_rss_reta_entry64& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= std::uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = static_cast<std::uint16_t>(i % kRssEntries % queues);
  }
  return rte_eth_dev_rss_reta_update(port, groups.data(), info.reta_size);
}

}  // namespace weft::ethdev
