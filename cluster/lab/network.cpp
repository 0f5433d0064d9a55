#include "cluster/lab/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shaketable::lab {
namespace {

// A netlink message under construction: headers and attributes, each padded to four bytes.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
  }

  template <class T>
  Message& put(const T& body) {
    append(&body, sizeof body);
    return *this;
  }
  Message& attribute(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr header{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    append(&header, sizeof header);
    append(data, size);
    return *this;
  }
  Message& attribute(std::uint16_t type, const std::string& text) {
    return attribute(type, text.c_str(), text.size() + 1);
  }
  Message& attribute(std::uint16_t type, std::uint32_t number) { return attribute(type, &number, sizeof number); }

  std::size_t begin(std::uint16_t type) {
    const std::size_t at = bytes_.size();
    const rtattr header{0, type};
    append(&header, sizeof header);
    return at;
  }
  void end(std::size_t at) {
    const auto size = static_cast<unsigned short>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &size, sizeof size);
  }

  std::string finish() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);
    return bytes_;
  }

 private:
  void append(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
  }
  std::string bytes_;
};

ifinfomsg link_body(int index, bool up) {
  ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  body.ifi_index = index;
  body.ifi_flags = up ? IFF_UP : 0;
  body.ifi_change = up ? IFF_UP : 0;
  return body;
}

// The kernel's own explanation (extended acknowledgement), if it gave one.
std::string explanation(const char* data, std::size_t size) {
  nlmsghdr header;
  std::memcpy(&header, data, sizeof header);
  if (!(header.nlmsg_flags & NLM_F_ACK_TLVS)) return "";
  std::size_t at = NLMSG_HDRLEN + sizeof(nlmsgerr);
  if (!(header.nlmsg_flags & NLM_F_CAPPED)) {
    nlmsgerr error;
    std::memcpy(&error, data + NLMSG_HDRLEN, sizeof error);
    at += error.msg.nlmsg_len - sizeof(nlmsghdr);
  }
  while (at + sizeof(nlattr) <= size) {
    nlattr attribute;
    std::memcpy(&attribute, data + at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > size) break;
    if (attribute.nla_type == NLMSGERR_ATTR_MSG)
      return " (" +
             std::string(data + at + sizeof attribute,
                         strnlen(data + at + sizeof attribute, attribute.nla_len - sizeof attribute)) +
             ")";
    at += NLA_ALIGN(attribute.nla_len);
  }
  return "";
}

}  // namespace

Result<Network> Network::open() {
  Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!netlink) return system_failure("cannot open a netlink socket");
  const int on = 1;
  setsockopt(netlink.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);  // only betters the messages
  timeval patience{10, 0};
  setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return Network(std::move(netlink));
}

Result<void> Network::request(const std::string& message, const std::string& purpose) {
  if (send(socket_.get(), message.data(), message.size(), 0) < 0) return system_failure(purpose);
  char answer[8192];
  const ssize_t n = recv(socket_.get(), answer, sizeof answer, 0);
  if (n < 0) return system_failure(purpose);
  nlmsghdr header;
  nlmsgerr error;
  if (static_cast<std::size_t>(n) < NLMSG_HDRLEN + sizeof error)
    return infrastructure(purpose + ": netlink gave a short answer");
  std::memcpy(&header, answer, sizeof header);
  std::memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
  if (header.nlmsg_type != NLMSG_ERROR) return infrastructure(purpose + ": netlink gave an unexpected answer");
  if (error.error == 0) return {};
  return system_failure(purpose + explanation(answer, static_cast<std::size_t>(n)), -error.error);
}

Result<void> Network::set_up(const std::string& link, bool promiscuous) {
  Message message(RTM_NEWLINK, 0);
  ifinfomsg body = link_body(static_cast<int>(if_nametoindex(link.c_str())), true);
  if (promiscuous) {
    body.ifi_flags |= IFF_PROMISC;
    body.ifi_change |= IFF_PROMISC;
  }
  message.put(body);
  return request(message.finish(), "cannot set the link " + link + " up");
}

Result<void> Network::rename(const std::string& link, const std::string& name) {
  Message message(RTM_NEWLINK, 0);
  message.put(link_body(static_cast<int>(if_nametoindex(link.c_str())), false)).attribute(IFLA_IFNAME, name);
  return request(message.finish(), fmt::format("cannot rename the link {} to {}", link, name));
}

Result<void> Network::switch_off_offloads(const std::string& link) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any) return system_failure("cannot open a socket");
  for (const std::uint32_t command : {ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO}) {
    ethtool_value value{command, 0};
    ifreq request{};
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link.c_str());
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (ioctl(any.get(), SIOCETHTOOL, &request) != 0 && errno != EOPNOTSUPP)
      return system_failure("cannot switch off an offload of " + link);
  }
  return {};
}

Result<void> Network::add_bridge(const std::string& link) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  // An address of its own: without one the bridge has the lowest of its ports', which changes when a node goes away,
  // and the others would send to nowhere until they have asked again.
  const unsigned char mac[6] = {0x02, 0x00, 0x0a, 0x4d, 0x00, 0xfe};
  message.put(link_body(0, true)).attribute(IFLA_IFNAME, link).attribute(IFLA_ADDRESS, mac, sizeof mac);
  const std::size_t info = message.begin(IFLA_LINKINFO);
  message.attribute(IFLA_INFO_KIND, std::string("bridge"));
  const std::size_t data = message.begin(IFLA_INFO_DATA);
  // No spanning tree, no forwarding delay, and multicast to everyone: neighbour discovery must not wait for a querier.
  const unsigned char off = 0;
  message.attribute(IFLA_BR_FORWARD_DELAY, 0u)
      .attribute(IFLA_BR_STP_STATE, 0u)
      .attribute(IFLA_BR_MCAST_SNOOPING, &off, 1);
  message.end(data);
  message.end(info);
  return request(message.finish(), "cannot create the bridge " + link + " (is the kernel's module `bridge` there?)");
}

Result<void> Network::add_pair(const std::string& outer, const std::string& bridge, const std::string& inner,
                               int namespace_fd, unsigned char mac_last) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.put(link_body(0, true)).attribute(IFLA_IFNAME, outer).attribute(IFLA_MASTER, if_nametoindex(bridge.c_str()));
  const std::size_t info = message.begin(IFLA_LINKINFO);
  message.attribute(IFLA_INFO_KIND, std::string("veth"));
  const std::size_t data = message.begin(IFLA_INFO_DATA);
  const std::size_t peer = message.begin(VETH_INFO_PEER);
  const unsigned char mac[6] = {0x02, 0x00, 0x0a, 0x4d, 0x00, mac_last};
  message.put(link_body(0, false))
      .attribute(IFLA_IFNAME, inner)
      .attribute(IFLA_ADDRESS, mac, sizeof mac)
      .attribute(IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_fd));
  message.end(peer);
  message.end(data);
  message.end(info);
  return request(message.finish(), "cannot create the veth pair " + outer + " (is the kernel's module `veth` there?)");
}

Result<void> Network::add_address(const std::string& link, const std::string& address, int prefix_length) {
  unsigned char bytes[16];
  const bool v6 = address.find(':') != std::string::npos;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes) != 1)
    return infrastructure("not an address: " + address);
  ifaddrmsg body{};
  body.ifa_family = v6 ? AF_INET6 : AF_INET;
  body.ifa_prefixlen = static_cast<unsigned char>(prefix_length);
  body.ifa_flags = v6 ? IFA_F_NODAD : 0;  // duplicate address detection would hold the address back for a second
  body.ifa_index = if_nametoindex(link.c_str());
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  const std::size_t size = v6 ? 16 : 4;
  message.put(body).attribute(IFA_LOCAL, bytes, size).attribute(IFA_ADDRESS, bytes, size);
  return request(message.finish(), fmt::format("cannot give {} the address {}", link, address));
}

}  // namespace shaketable::lab
